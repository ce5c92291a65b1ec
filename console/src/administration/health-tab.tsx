import { useEffect, useState } from 'react';
import { Button } from 'react-aria-components';
import { useReach } from '../reach';
import { samplesOf } from './metrics';
import { useAdministrationWords } from './words';

interface Health {
  /** Names of parts that do not work. */
  failing: readonly string[];
  /** Prometheus' text; null if it is not to be had. */
  metrics: string | null;
}

const read = (path: string) => fetch(new URL(path, document.baseURI), { cache: 'no-store' });

async function readHealth(): Promise<Health> {
  const [ready, metrics] = await Promise.all([read('health/ready'), read('metrics')]);
  const { failing = [] } = (await ready.json()) as { failing?: string[] };
  // A proxy may refuse in the service's place.
  if (!ready.ok && failing.length === 0) throw new Error(`The answer is ${ready.status}.`);
  return { failing, metrics: metrics.ok ? await metrics.text() : null };
}

/** Whether the service can do its work, and the jobs that it has to do. It speaks of the service as a whole. */
export function HealthTab() {
  const { say } = useAdministrationWords();
  const { isLost, returns } = useReach();
  const [version, setVersion] = useState(0);
  const [health, setHealth] = useState<Health | 'lost' | null>(null);
  const turn = `${returns} ${version}`;
  useEffect(() => {
    let isOver = turn === '';
    readHealth().then(
      (found) => isOver || setHealth(found),
      () => isOver || setHealth('lost'),
    );
    return () => {
      isOver = true;
    };
  }, [turn]);
  const words =
    health === null
      ? 'loading'
      : isLost || health === 'lost'
        ? 'unreachable'
        : health.failing.length > 0
          ? 'notReady'
          : 'ready';
  return (
    <>
      <p role="status" className={`status ${words === 'ready' ? 'APPROVED' : 'REJECTED'}`}>
        {say(words)}
      </p>
      {health !== null && health !== 'lost' && (
        <>
          {health.failing.length > 0 && <p className="fault">{health.failing.join(', ')}</p>}
          {health.metrics !== null && <Jobs metrics={health.metrics} />}
        </>
      )}
      <div className="tools">
        <Button onPress={() => setVersion((last) => last + 1)}>{say('readAgain')}</Button>
      </div>
    </>
  );
}

const states = ['waiting', 'running', 'exhausted'] as const;

function Jobs({ metrics }: { metrics: string }) {
  const { say, number } = useAdministrationWords();
  const counts = samplesOf(metrics, 'claimcheck_jobs');
  const lags = samplesOf(metrics, 'claimcheck_job_lag_seconds');
  const kinds = [...new Set(counts.map(({ labels }) => labels['kind'] ?? ''))].sort();
  const countOf = (kind: string, state: string) =>
    counts.find(({ labels }) => labels['kind'] === kind && labels['state'] === state)?.value ?? 0;
  const lagOf = (kind: string) => lags.find(({ labels }) => labels['kind'] === kind)?.value ?? 0;
  return (
    <table>
      <caption>{say('jobs')}</caption>
      <thead>
        <tr>
          <th scope="col">{say('kind')}</th>
          {states.map((state) => (
            <th scope="col" key={state}>
              {say(state)}
            </th>
          ))}
          <th scope="col">{say('lag')}</th>
        </tr>
      </thead>
      <tbody>
        {kinds.map((kind) => (
          <tr key={kind}>
            <th scope="row">{kind}</th>
            {states.map((state) => (
              <td key={state}>{number(countOf(kind, state))}</td>
            ))}
            <td>{number(Math.round(lagOf(kind)))} s</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
