import { type ComponentType, Suspense } from 'react';
import { Button, Tab, TabList, TabPanel, Tabs } from 'react-aria-components';
import { Fault } from '../answer-state';
import { late } from '../late';
import { go } from '../location';
import type { PageProps } from '../pages';
import { useAnswer } from '../use-answer';
import { useChanges } from '../use-changes';
import { FileDocument, type FileQuery } from './graphql';
import { Overview } from './overview';
import { useFileWords } from './words';
import './file.css';

export type OpenFile = NonNullable<FileQuery['attachment']>;

export interface FilePartProps extends PageProps {
  file: OpenFile;
  mayWrite: boolean;
  /** After something has changed. */
  onChanged: () => void;
  /** After the file was deleted for good. */
  onGone: () => void;
}

interface Part {
  name: 'overview' | 'versions' | 'shares' | 'history' | 'deliveries';
  /** The permission without which the tab is not shown. */
  need: string;
  Content: ComponentType<FilePartProps>;
}

const parts: readonly Part[] = [
  { name: 'overview', need: 'attachments:read', Content: Overview },
  {
    name: 'versions',
    need: 'attachments:read',
    Content: late(async () => (await import('./versions')).Versions),
  },
  { name: 'shares', need: 'attachments:read', Content: late(async () => (await import('./shares')).Shares) },
  {
    name: 'history',
    need: 'attachments:admin',
    Content: late(async () => (await import('./history')).History),
  },
  {
    name: 'deliveries',
    need: 'attachments:read',
    Content: late(async () => (await import('./history')).FileDeliveries),
  },
];

interface FilePanelProps extends PageProps {
  id: string;
  onChanged: () => void;
  onClose: () => void;
}

/** All that is known of one file, kept up to date while it is shown. */
export function FilePanel({ id, onChanged, onClose, ...page }: FilePanelProps) {
  const { say } = useFileWords();
  const { data, error, isLoading, refresh } = useAnswer(page.api, FileDocument, { id });
  useChanges(page.api, { attachmentId: id }, refresh);
  const file = data?.attachment;
  return (
    <aside className="panel" aria-label={file ? file.fileName : say('facts')}>
      <div className="panel-head">
        <h2>{file && <bdi>{file.fileName}</bdi>}</h2>
        <Button onPress={onClose}>{say('close')}</Button>
      </div>
      {isLoading && <p className="notice">{say('loading')}</p>}
      {data && !file && <p className="notice">{say('notFound')}</p>}
      <Fault error={error} onRetry={refresh} />
      {file && (
        <Parts
          {...page}
          file={file}
          onChanged={() => [refresh(), onChanged()]}
          onGone={() => [onClose(), onChanged()]}
        />
      )}
    </aside>
  );
}

function Parts(props: Omit<FilePartProps, 'mayWrite'>) {
  const { say } = useFileWords();
  const { viewer, place, file } = props;
  const may = (permission: string) => viewer.permissions.includes(permission);
  const allowed = parts.filter(({ need }) => may(need));
  const current = allowed.find(({ name }) => name === place['tab'])?.name ?? 'overview';
  return (
    <Tabs
      selectedKey={current}
      onSelectionChange={(tab) => go({ tab: tab === 'overview' ? null : String(tab) })}
    >
      <TabList aria-label={file.fileName} className="tabs">
        {allowed.map(({ name }) => (
          <Tab key={name} id={name}>
            {say(name)}
          </Tab>
        ))}
      </TabList>
      {allowed.map(({ name, Content }) => (
        <TabPanel key={name} id={name} className="tab">
          <Suspense fallback={<p className="notice">{say('loading')}</p>}>
            <Content {...props} mayWrite={may('attachments:write')} />
          </Suspense>
        </TabPanel>
      ))}
    </Tabs>
  );
}
