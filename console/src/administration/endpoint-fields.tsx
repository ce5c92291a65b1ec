import { Checkbox, CheckboxGroup, Input, Label, TextField } from 'react-aria-components';
import type { CreateWebhookEndpointInput, WebhookEvent } from './graphql';
import { events, useAdministrationWords } from './words';

interface EndpointFieldsProps {
  /** As it is now; left out for a new one. */
  endpoint?: { uri: string; description: string | null; events: readonly WebhookEvent[] };
}

/** The receiver, a note, and the events that it is told of. */
export function EndpointFields({ endpoint }: EndpointFieldsProps) {
  const { say } = useAdministrationWords();
  return (
    <>
      <TextField
        name="uri"
        type="url"
        defaultValue={endpoint?.uri ?? ''}
        isRequired
        maxLength={2_048}
        autoFocus
      >
        <Label>{say('receiver')}</Label>
        <Input autoComplete="off" />
      </TextField>
      <TextField name="description" defaultValue={endpoint?.description ?? ''} maxLength={255}>
        <Label>{say('note')}</Label>
        <Input autoComplete="off" />
      </TextField>
      <CheckboxGroup name="events" isRequired defaultValue={[...(endpoint?.events ?? [])]}>
        <Label>{say('events')}</Label>
        {events.map((event) => (
          <Checkbox key={event} value={event}>
            <span className="box" aria-hidden="true" />
            {say(event)}
          </Checkbox>
        ))}
      </CheckboxGroup>
    </>
  );
}

export function readEndpointFields(form: FormData): CreateWebhookEndpointInput {
  const chosen = form.getAll('events');
  const description = String(form.get('description')).trim();
  return {
    uri: String(form.get('uri')),
    description: description === '' ? null : description,
    events: events.filter((event) => chosen.includes(event)),
  };
}
