import { Label, Meter } from 'react-aria-components';
import { Fault } from '../answer-state';
import type { PageProps } from '../pages';
import { ShowQuery } from '../show-query';
import { useAnswer } from '../use-answer';
import { UsageDocument } from './graphql';
import { useAdministrationWords } from './words';

/** The organization's usage against its quota. */
export function UsageTab({ api }: PageProps) {
  const { say, bytes, number } = useAdministrationWords();
  const { data, error, isLoading, refresh } = useAnswer(api, UsageDocument, {});
  const { usage, organizationId } = data?.viewer ?? {};
  return (
    <>
      <Fault error={error} onRetry={refresh} />
      {isLoading && <p className="notice">{say('loading')}</p>}
      {usage && (
        <>
          <p>
            {say('organization')}: <bdi>{organizationId}</bdi>
          </p>
          <Share label={say('storedBytes')} value={usage.bytes} most={usage.maxBytes} show={bytes} />
          <Share
            label={say('storedFiles')}
            value={usage.attachments}
            most={usage.maxAttachments}
            show={number}
          />
        </>
      )}
      <div className="tools">
        <ShowQuery document={UsageDocument} variables={{}} />
      </div>
    </>
  );
}

interface ShareProps {
  label: string;
  value: number;
  /** Null: no bound. */
  most: number | null;
  show: (value: number) => string;
}

/** A bar that fills up to the bound. Without a bound the number stands alone. */
function Share({ label, value, most, show }: ShareProps) {
  const { say, number } = useAdministrationWords();
  if (most === null) {
    return (
      <p className="share">
        {label}: {show(value)} <small>{say('noBound')}</small>
      </p>
    );
  }
  const percent = most === 0 ? 100 : Math.min(100, (100 * value) / most);
  const level = percent >= 95 ? 'bad' : percent >= 80 ? 'wait' : 'good';
  const words = `${show(value)} / ${show(most)} (${number(Math.round(percent))} %)`;
  return (
    <Meter className="share" value={percent} valueLabel={words}>
      <Label>{label}</Label>
      <span>{words}</span>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect className="whole" width="100" height="4" />
        <rect className={level} width={percent} height="4" />
      </svg>
    </Meter>
  );
}
