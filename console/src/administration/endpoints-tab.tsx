import { useState } from 'react';
import { Button } from 'react-aria-components';
import { Fault, PagesEnd } from '../answer-state';
import type { Api, RefusedError } from '../api';
import { AskFirst } from '../ask-first';
import type { PageProps } from '../pages';
import { PlaceLink } from '../place-link';
import { ShowQuery } from '../show-query';
import { refusalFrom } from '../use-answer';
import { usePages } from '../use-pages';
import { EndpointFields, readEndpointFields } from './endpoint-fields';
import {
  CreateEndpointDocument,
  DeleteEndpointDocument,
  EnableEndpointDocument,
  EndpointsDocument,
  type EndpointsQuery,
  RotateEndpointDocument,
  TestEndpointDocument,
  UpdateEndpointDocument,
} from './graphql';
import { SecretDialog } from './secret-dialog';
import { useAdministrationWords } from './words';

type Endpoint = EndpointsQuery['webhookEndpoints']['nodes'][number];

const variables = { first: 50 };

/** The receivers that are told of the organization's events. */
export function EndpointsTab({ api }: PageProps) {
  const { say } = useAdministrationWords();
  const [secret, setSecret] = useState<string | null>(null);
  const pages = usePages(
    '',
    async (after) => (await api.ask(EndpointsDocument, { ...variables, after })).webhookEndpoints,
  );
  const make = async (form: FormData) => {
    const input = readEndpointFields(form);
    const { createWebhookEndpoint } = await api.change(CreateEndpointDocument, { input });
    setSecret(createWebhookEndpoint?.secret ?? null);
    pages.refresh();
  };
  return (
    <>
      <div className="tools">
        <AskFirst label={say('makeEndpoint')} title={say('makeEndpoint')} onConfirm={make}>
          <EndpointFields />
        </AskFirst>
        <ShowQuery document={EndpointsDocument} variables={variables} />
      </div>
      {secret !== null && (
        <SecretDialog title={say('newSecret')} secret={secret} onClose={() => setSecret(null)} />
      )}
      <ul className="cards" aria-label={say('endpoints')}>
        {pages.items.map((endpoint) => (
          <li key={endpoint.id}>
            <EndpointFacts endpoint={endpoint} />
            <EndpointButtons {...{ api, endpoint }} onChanged={pages.refresh} onSecret={setSecret} />
          </li>
        ))}
      </ul>
      <PagesEnd pages={pages} empty={say('noEndpoints')} />
    </>
  );
}

function EndpointFacts({ endpoint }: { endpoint: Endpoint }) {
  const { say, instant } = useAdministrationWords();
  const { uri, description, events, state, failingSince, pausedAt, earlierSecretsUntil, createdAt } =
    endpoint;
  return (
    <>
      <h2>
        <bdi>{uri}</bdi> <span className={`status ${state}`}>{say(state)}</span>
      </h2>
      {description !== null && (
        <p>
          <bdi>{description}</bdi>
        </p>
      )}
      <p>{events.map((event) => say(event)).join(', ')}</p>
      {failingSince !== null && (
        <p className="fault">
          {say('failingSince')} {instant(failingSince)}
          {pausedAt !== null && ` · ${say('PAUSED')} ${instant(pausedAt)}`}
        </p>
      )}
      <small>
        {say('created')} {instant(createdAt)}
        {earlierSecretsUntil !== null && ` · ${say('earlierSecrets')} ${instant(earlierSecretsUntil)}`}
      </small>
    </>
  );
}

interface EndpointButtonsProps {
  api: Api;
  endpoint: Endpoint;
  onChanged: () => void;
  onSecret: (secret: string | null) => void;
}

function EndpointButtons({ api, endpoint, onChanged, onSecret }: EndpointButtonsProps) {
  const { say } = useAdministrationWords();
  const { id, uri, state } = endpoint;
  const [outcome, setOutcome] = useState<'sent' | RefusedError | null>(null);
  const run = (work: Promise<unknown>, after: 'sent' | null) => {
    setOutcome(null);
    work.then(
      () => {
        setOutcome(after);
        onChanged();
      },
      (refusal: unknown) => setOutcome(refusalFrom(refusal)),
    );
  };
  const update = async (form: FormData) => {
    await api.change(UpdateEndpointDocument, { input: { ...readEndpointFields(form), id } });
    onChanged();
  };
  const rotate = async () => {
    const { rotateWebhookEndpointSecret } = await api.change(RotateEndpointDocument, { id });
    onSecret(rotateWebhookEndpointSecret?.secret ?? null);
    onChanged();
  };
  const remove = async () => {
    await api.change(DeleteEndpointDocument, { id });
    onChanged();
  };
  return (
    <>
      <div className="buttons">
        <PlaceLink to={{ tab: 'deliveries', endpoint: id }}>{say('deliveries')}</PlaceLink>
        <Button onPress={() => run(api.change(TestEndpointDocument, { id }), 'sent')}>{say('test')}</Button>
        {state === 'PAUSED' && (
          <Button onPress={() => run(api.change(EnableEndpointDocument, { id }), null)}>
            {say('enable')}
          </Button>
        )}
        <AskFirst label={say('edit')} name={`${say('edit')}: ${uri}`} title={say('edit')} onConfirm={update}>
          <EndpointFields endpoint={endpoint} />
        </AskFirst>
        <AskFirst
          label={say('rotate')}
          name={`${say('rotate')}: ${uri}`}
          title={say('rotateTitle')}
          onConfirm={rotate}
        >
          <p>{say('rotateHint')}</p>
        </AskFirst>
        <AskFirst
          label={say('remove')}
          name={`${say('remove')}: ${uri}`}
          title={say('removeTitle')}
          onConfirm={remove}
        >
          <p>
            <bdi>{uri}</bdi>
          </p>
        </AskFirst>
        {outcome === 'sent' && <p role="status">{say('testSent')}</p>}
      </div>
      <Fault error={outcome === 'sent' ? null : outcome} />
    </>
  );
}
