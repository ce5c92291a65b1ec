import type { ComponentType } from 'react';
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components';
import { go, nothingOf } from '../location';
import type { PageProps } from '../pages';
import { AuditTab } from './audit-tab';
import { DeliveriesTab } from './deliveries-tab';
import { EndpointsTab } from './endpoints-tab';
import { HealthTab } from './health-tab';
import { KeysTab } from './keys-tab';
import { UsageTab } from './usage-tab';
import { useAdministrationWords } from './words';
import './administration.css';

interface AdministrationTab {
  name: 'keys' | 'endpoints' | 'deliveries' | 'audit' | 'usage' | 'health';
  /** The permission without which the tab is not shown; null: any credential will do. */
  need: string | null;
  Content: ComponentType<PageProps>;
}

const tabs: readonly AdministrationTab[] = [
  { name: 'usage', need: null, Content: UsageTab },
  { name: 'keys', need: 'keys:admin', Content: KeysTab },
  { name: 'endpoints', need: 'attachments:admin', Content: EndpointsTab },
  { name: 'deliveries', need: 'attachments:read', Content: DeliveriesTab },
  { name: 'audit', need: 'attachments:admin', Content: AuditTab },
  { name: 'health', need: null, Content: HealthTab },
];

/** All that concerns the organization as a whole. The credential decides which parts there are. */
export function AdministrationPage(props: PageProps) {
  const { say } = useAdministrationWords();
  const { viewer, place } = props;
  const allowed = tabs.filter(({ need }) => need === null || viewer.permissions.includes(need));
  const current = allowed.find(({ name }) => name === place['tab']) ?? allowed[0];
  if (!current) return null;
  return (
    <Tabs
      className="page"
      selectedKey={current.name}
      onSelectionChange={(tab) => go({ ...nothingOf(place), page: 'administration', tab: String(tab) })}
    >
      <TabList aria-label={say('administration')} className="tabs">
        {allowed.map(({ name }) => (
          <Tab key={name} id={name}>
            {say(name)}
          </Tab>
        ))}
      </TabList>
      {allowed.map(({ name, Content }) => (
        <TabPanel key={name} id={name} className="tab">
          <Content {...props} />
        </TabPanel>
      ))}
    </Tabs>
  );
}
