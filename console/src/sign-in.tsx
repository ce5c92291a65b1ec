import { type FormEvent, useState } from 'react';
import { Button, FieldError, Form, Input, Label, Text, TextField } from 'react-aria-components';
import type { RefusedError } from './api';
import type { Preferences } from './app';
import { setCredential } from './session';
import { PreferenceButtons } from './shell';
import { useWords } from './words';

export function SignIn({ refused, preferences }: { refused: RefusedError | null; preferences: Preferences }) {
  const { say } = useWords();
  const [typed, setTyped] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setCredential(typed.trim());
  };
  const fault = refused && say(refused.code === 'UNAUTHENTICATED' ? 'refused' : 'unreachable');
  return (
    <main className="sign-in">
      <h1>Claimcheck</h1>
      <Form onSubmit={submit}>
        <TextField type="password" isRequired isInvalid={fault !== null} value={typed} onChange={setTyped}>
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
