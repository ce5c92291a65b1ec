import { type FormEvent, useState } from 'react';
import { Button, Form, Input, Label, TextField } from 'react-aria-components';
import { Fault, PagesEnd } from '../answer-state';
import type { Api, RefusedError } from '../api';
import { Choice } from '../choice';
import { go } from '../location';
import type { PageProps } from '../pages';
import { PlaceLink } from '../place-link';
import { ShowQuery } from '../show-query';
import { refusalFrom } from '../use-answer';
import { usePages } from '../use-pages';
import { DeliveriesDocument, type DeliveriesQuery, RedeliverDocument } from './graphql';
import { useAdministrationWords } from './words';

type Delivery = DeliveriesQuery['webhookDeliveries']['nodes'][number];

const states = ['QUEUED', 'DELIVERED', 'FAILED'] as const;

/** The webhooks about an attachment. */
export function DeliveriesTab(props: PageProps) {
  const { say } = useAdministrationWords();
  const { place } = props;
  const attachmentId = place['attachment'] ?? '';
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    go({ attachment: String(new FormData(event.currentTarget).get('attachment')).trim() });
  };
  return (
    <>
      <search>
        <Form className="tools" onSubmit={submit}>
          <TextField name="attachment" defaultValue={attachmentId} key={attachmentId} isRequired>
            <Label>{say('attachmentId')}</Label>
            <Input />
          </TextField>
          <Button type="submit" className="primary">
            {say('find')}
          </Button>
          <Choice
            label={say('status')}
            value={place['state'] ?? 'all'}
            choices={{
              all: say('all'),
              QUEUED: say('QUEUED'),
              DELIVERED: say('DELIVERED'),
              FAILED: say('FAILED'),
            }}
            name="state"
            none="all"
          />
        </Form>
      </search>
      {attachmentId === '' ? (
        <p className="notice">{say('chooseAttachment')}</p>
      ) : (
        <Deliveries {...props} attachmentId={attachmentId} />
      )}
    </>
  );
}

/** The deliveries of one attachment. */
export function Deliveries({ api, viewer, place, attachmentId }: PageProps & { attachmentId: string }) {
  const { say } = useAdministrationWords();
  const chosen = states.find((state) => state === place['state']);
  const variables = { attachmentId, state: chosen ? [chosen] : null, first: 50 };
  const pages = usePages(
    JSON.stringify(variables),
    async (after) => (await api.ask(DeliveriesDocument, { ...variables, after })).webhookDeliveries,
  );
  return (
    <>
      <div className="tools">
        <Button onPress={pages.refresh}>{say('readAgain')}</Button>
        <ShowQuery document={DeliveriesDocument} variables={variables} />
      </div>
      <ul className="cards" aria-label={say('deliveries')}>
        {pages.items.map((delivery) => (
          <li key={delivery.id}>
            <DeliveryCard
              {...{ api, delivery }}
              mayRedeliver={viewer.permissions.includes('attachments:write')}
              onChanged={pages.refresh}
            />
          </li>
        ))}
      </ul>
      <PagesEnd pages={pages} empty={say('noDeliveries')} />
    </>
  );
}

interface DeliveryProps {
  api: Api;
  delivery: Delivery;
  mayRedeliver: boolean;
  onChanged: () => void;
}

function DeliveryCard({ api, delivery, mayRedeliver, onChanged }: DeliveryProps) {
  const { say, instant, number } = useAdministrationWords();
  const [error, setError] = useState<RefusedError | null>(null);
  const { id, uri, state, attempts, lastStatusCode, lastError, createdAt, nextAttemptAt } = delivery;
  const redeliver = () => {
    setError(null);
    api
      .change(RedeliverDocument, { id })
      .then(onChanged, (refusal: unknown) => setError(refusalFrom(refusal)));
  };
  return (
    <>
      <h2>
        <bdi>{uri}</bdi> <span className={`status ${state}`}>{say(state)}</span>
      </h2>
      <p>
        {say(delivery.interaction)} ·{' '}
        <PlaceLink to={{ page: null, tab: null, attachment: null, state: null, file: delivery.attachmentId }}>
          {delivery.attachmentId}
        </PlaceLink>
      </p>
      {lastError !== null && (
        <p className="fault">
          <bdi>{lastError}</bdi> {lastStatusCode !== null && `(${lastStatusCode})`}
        </p>
      )}
      <small>
        {instant(createdAt)} · {say('attempts')}: {number(attempts)}
        {nextAttemptAt !== null && ` · ${say('nextAttempt')} ${instant(nextAttemptAt)}`}
      </small>
      {mayRedeliver && <Button onPress={redeliver}>{say('redeliver')}</Button>}
      <Fault error={error} />
    </>
  );
}
