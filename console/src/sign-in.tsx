import { type FormEvent, useState } from 'react';
import { Button, FieldError, Form, Input, Label, Text, TextField } from 'react-aria-components';
import { type RefusedError, unauthenticated } from './api';
import type { Preferences } from './app';
import { readCredential } from './session';
import { PreferenceButtons } from './shell';
import { useWords } from './words';

interface SignInProps {
  refused: RefusedError | null;
  preferences: Preferences;
  signIn: (credential: string) => void;
}

export function SignIn({ refused, preferences, signIn }: SignInProps) {
  const { say } = useWords();
  // The one that could not be looked at is still there, and can be tried again.
  const [typed, setTyped] = useState(readCredential);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed.trim() !== '') signIn(typed.trim());
  };
  const words = refused?.code === unauthenticated ? say('refused') : refused?.message;
  const fault = refused && (refused.code === null ? say('unreachable') : words);
  return (
    <main className="sign-in">
      <h1>Claimcheck</h1>
      <Form onSubmit={submit}>
        {/* A browser sends no form with a field that it takes for wrong, however often it is corrected. */}
        <TextField
          type="password"
          validationBehavior="aria"
          isRequired
          isInvalid={fault !== null}
          value={typed}
          onChange={setTyped}
        >
          <Label>{say('credential')}</Label>
          <Input autoComplete="off" />
          <Text slot="description">{say('credentialHint')}</Text>
          <FieldError>{fault}</FieldError>
        </TextField>
        <Button type="submit" className="primary">
          {say('signIn')}
        </Button>
      </Form>
      <PreferenceButtons {...preferences} />
    </main>
  );
}
