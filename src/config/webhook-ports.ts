/** Whether webhooks may be sent to a port. */
export interface WebhookPorts {
  allows(port: number): boolean;
  /** As it is told to clients, such as `80, 443, 1024-65535`. */
  description: string;
}

/**
 * Ports above 1023 on which databases, caches, brokers and the like listen, that do harm on a request by HTTP or might be taken
 * for receivers; the others are those that browsers do not connect to either (https://fetch.spec.whatwg.org/#port-blocking).
 */
const refusedPorts = [
  ...[
    1433, 1521, 1719, 1720, 1723, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060,
    5061,
  ],
  ...[
    5432, 5672, 5900, 5984, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9092, 9200,
    9300,
  ],
  ...[10080, 10250, 11211, 26379, 27017, 27018, 27019],
];

/** 80, 443, and all above 1023 but those of well-known services that are no receivers. */
const usualWebhookPorts: WebhookPorts = {
  allows: (port) =>
    port === 80 || port === 443 || (port > 1_023 && port <= 65_535 && !refusedPorts.includes(port)),
  description: '80, 443 and those above 1023, but not those of databases, caches and the like',
};

const anyPort: WebhookPorts = { allows: () => true, description: 'all' };

/** Those that the operator names, else the usual ones. Who lets webhooks reach private addresses means their own receivers, on any. */
export function allowedPorts(settings: {
  webhookPorts?: WebhookPorts | null;
  webhookAllowPrivate: boolean;
}): WebhookPorts {
  return settings.webhookPorts ?? (settings.webhookAllowPrivate ? anyPort : usualWebhookPorts);
}

/** Reads `443, 8000-8999`; null if it is no list of ports. */
export function parseWebhookPorts(list: string): WebhookPorts | null {
  const ranges = list.split(',').map(parseRange);
  if (!ranges.every((range) => range !== null)) return null;
  return {
    allows: (port) => ranges.some(({ first, last }) => port >= first && port <= last),
    description: ranges
      .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
      .join(', '),
  };
}

function parseRange(text: string): { first: number; last: number } | null {
  const [, from, to = from] = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  return first >= 1 && first <= last && last <= 65_535 ? { first, last } : null;
}

/** The port that a URL leads to. */
export function portOf({ protocol, port }: { protocol: string; port: string }): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
