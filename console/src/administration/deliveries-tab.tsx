import { type FormEvent, useState } from 'react';
import { Button, Form, Input, Label, TextField } from 'react-aria-components';
import { Fault, PagesEnd } from '../answer-state';
import type { Api, RefusedError } from '../api';
import { Choice } from '../choice';
import { go, nothingOf, type Place } from '../location';
import type { PageProps } from '../pages';
import { PlaceLink } from '../place-link';
import { ShowQuery } from '../show-query';
import { refusalFrom } from '../use-answer';
import { usePages } from '../use-pages';
import { DeliveriesDocument, type DeliveriesQuery, RedeliverDocument } from './graphql';
import { useAdministrationWords } from './words';

type Delivery = DeliveriesQuery['webhookDeliveries']['nodes'][number];

const states = ['QUEUED', 'DELIVERED', 'FAILED'] as const;

/** The webhooks of the organization, or those about one file or to one endpoint. */
export function DeliveriesTab(props: PageProps) {
  const { say } = useAdministrationWords();
  const { place, viewer } = props;
  const attachmentId = place['attachment'] ?? '';
  const maySeeAll = viewer.permissions.includes('attachments:admin');
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    go({ attachment: String(new FormData(event.currentTarget).get('attachment')).trim() });
  };
  return (
    <>
      <search>
        <Form className="tools" onSubmit={submit}>
          <TextField name="attachment" defaultValue={attachmentId} key={attachmentId} isRequired={!maySeeAll}>
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
      {attachmentId === '' && !maySeeAll ? (
        <p className="notice">{say('chooseAttachment')}</p>
      ) : (
        <Deliveries {...props} attachmentId={attachmentId || null} />
      )}
    </>
  );
}

/** Deliveries of one file, or of all; those to one endpoint if the address names it. */
export function Deliveries({
  api,
  viewer,
  place,
  attachmentId,
}: PageProps & { attachmentId: string | null }) {
  const { say } = useAdministrationWords();
  const chosen = states.find((state) => state === place['state']);
  const variables = {
    attachmentId,
    endpointId: place['endpoint'] || null,
    state: chosen ? [chosen] : null,
    first: 50,
  };
  const pages = usePages(
    JSON.stringify(variables),
    async (after) => (await api.ask(DeliveriesDocument, { ...variables, after })).webhookDeliveries,
  );
  return (
    <>
      <div className="tools">
        <Button onPress={pages.refresh}>{say('readAgain')}</Button>
        {place['endpoint'] && <Button onPress={() => go({ endpoint: null })}>{say('allEndpoints')}</Button>}
        <ShowQuery document={DeliveriesDocument} variables={variables} />
      </div>
      <ul className="cards" aria-label={say('deliveries')}>
        {pages.items.map((delivery) => (
          <li key={delivery.id}>
            <DeliveryCard
              {...{ api, delivery, place }}
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
  place: Place;
  mayRedeliver: boolean;
  onChanged: () => void;
}

function DeliveryCard({ api, delivery, place, mayRedeliver, onChanged }: DeliveryProps) {
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
        {say(delivery.event)}
        {delivery.attachmentId !== null && (
          <>
            {' · '}
            <PlaceLink to={{ ...nothingOf(place), file: delivery.attachmentId }}>
              {delivery.attachmentId}
            </PlaceLink>
          </>
        )}
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
