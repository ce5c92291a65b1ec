import { type FormEvent, useState } from 'react';
import { Button, Form, Input, Label, TextField } from 'react-aria-components';
import { Fault, PagesEnd } from '../answer-state';
import type { Api, RefusedError } from '../api';
import { Choice } from '../choice';
import { go, type Place } from '../location';
import type { PageProps } from '../pages';
import { PlaceLink } from '../place-link';
import { ShowQuery } from '../show-query';
import { refusalFrom } from '../use-answer';
import { usePages } from '../use-pages';
import { type AuditEvent, eventsOf, saveEvents } from './audit-csv';
import { AuditDocument, type AuditFilter } from './graphql';
import { actions, useAdministrationWords } from './words';

const texts = ['attachment', 'principal'] as const;
const days = ['from', 'to'] as const;

/** Days begin and end where the reader is. */
function filterOf(place: Place): AuditFilter {
  const { attachment = '', principal = '', from = '', to = '' } = place;
  const action = actions.find((one) => one === place['action']);
  const begin = new Date(`${from}T00:00`).getTime();
  const end = new Date(`${to}T00:00`);
  end.setDate(end.getDate() + 1);
  return {
    ...(action ? { action: [action] } : {}),
    ...(attachment === '' ? {} : { attachmentId: attachment }),
    ...(principal === '' ? {} : { principalId: principal }),
    ...(Number.isNaN(begin) ? {} : { after: new Date(begin - 1).toISOString() }),
    ...(Number.isNaN(end.getTime()) ? {} : { before: end.toISOString() }),
  };
}

/** Who did what, the newest first. */
export function AuditTab({ api, place }: PageProps) {
  const { say } = useAdministrationWords();
  const filter = filterOf(place);
  const variables = { filter, first: 50 };
  const pages = usePages(
    JSON.stringify(filter),
    async (after) => (await api.ask(AuditDocument, { ...variables, after })).auditLog,
  );
  return (
    <>
      <Filters place={place} />
      <div className="tools">
        <SaveButton api={api} filter={filter} />
        <ShowQuery document={AuditDocument} variables={variables} />
      </div>
      <ol className="cards" aria-label={say('audit')}>
        {pages.items.map((event) => (
          <li key={event.id}>
            <Event event={event} />
          </li>
        ))}
      </ol>
      <PagesEnd pages={pages} empty={say('noEvents')} />
    </>
  );
}

function Filters({ place }: { place: Place }) {
  const { say } = useAdministrationWords();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    go(Object.fromEntries([...texts, ...days].map((name) => [name, String(form.get(name) ?? '').trim()])));
  };
  const choices = Object.fromEntries(actions.map((action) => [action, say(action)]));
  return (
    <search>
      <Form className="tools" onSubmit={submit} key={[...texts, ...days].map((name) => place[name]).join()}>
        <Choice
          label={say('action')}
          value={place['action'] ?? 'all'}
          choices={{ all: say('all'), ...choices }}
          name="action"
          none="all"
        />
        {texts.map((name) => (
          <TextField key={name} name={name} defaultValue={place[name] ?? ''} maxLength={255}>
            <Label>{say(name === 'attachment' ? 'attachmentId' : 'principalId')}</Label>
            <Input />
          </TextField>
        ))}
        {days.map((name) => (
          <label key={name}>
            {say(name)}
            <input type="date" name={name} defaultValue={place[name] ?? ''} />
          </label>
        ))}
        <Button type="submit" className="primary">
          {say('filter')}
        </Button>
      </Form>
    </search>
  );
}

function Event({ event }: { event: AuditEvent }) {
  const { say, instant } = useAdministrationWords();
  const { action, attachmentId, apiKeyId, createdAt, details, principal } = event;
  return (
    <>
      <h2>{say(action)}</h2>
      <small>
        {instant(createdAt)} · <bdi>{principal ? (principal.name ?? principal.id) : say('theService')}</bdi>
      </small>
      {attachmentId !== null && (
        <p>
          <PlaceLink to={{ page: null, tab: null, attachment: null, action: null, file: attachmentId }}>
            {attachmentId}
          </PlaceLink>
        </p>
      )}
      {apiKeyId !== null && <code>{apiKeyId}</code>}
      {details !== null && <pre>{JSON.stringify(details, null, 1)}</pre>}
    </>
  );
}

/** Saves all events that the filters describe, not only those that are seen. */
function SaveButton({ api, filter }: { api: Api; filter: AuditFilter }) {
  const { say, number } = useAdministrationWords();
  const [state, setState] = useState<{ count: number | null; error: RefusedError | null }>({
    count: null,
    error: null,
  });
  const save = async () => {
    try {
      const found = await eventsOf(api, filter, (count) => setState({ count, error: null }));
      saveEvents(found);
      setState({ count: null, error: null });
    } catch (refusal) {
      setState({ count: null, error: refusalFrom(refusal) });
    }
  };
  return (
    <>
      <Button onPress={() => void save()} isDisabled={state.count !== null}>
        {say('saveCsv')}
      </Button>
      {state.count !== null && (
        <span role="status">
          {number(state.count)} {say('eventsRead')}
        </span>
      )}
      <Fault error={state.error} />
    </>
  );
}
