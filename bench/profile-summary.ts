import { formatTable } from './report.js';

/** The file that `node --cpu-prof` writes; times are in microseconds. */
export interface CpuProfile {
  nodes: ProfileNode[];
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  children?: number[];
}

interface Cost {
  /** Microseconds in the thing itself, and in it and all it called. */
  self: number;
  total: number;
}

/** The part of a profile that counts: all behind `skippedMs`, in which so many operations were done. */
export interface Profiled {
  skippedMs: number;
  operations: number;
}

/** A budget of one operation, and tables of the dearest modules and functions of the main thread. */
export function summarizeProfile(profile: CpuProfile, { skippedMs, operations }: Profiled): string {
  const stacks = readStacks(profile);
  const functions = new Map<string, Cost>();
  const modules = new Map<string, Cost>();
  let time = 0;
  let busy = 0;
  let idle = 0;
  profile.samples.forEach((id, index) => {
    const spent = profile.timeDeltas[index] ?? 0;
    time += spent;
    const stack = stacks.get(id) ?? [];
    if (time < skippedMs * 1000) return;
    if (stack[0]?.callFrame.functionName === '(idle)') {
      idle += spent;
      return;
    }
    busy += spent;
    addSample(functions, stack.map(functionName), spent);
    addSample(modules, stack.map(moduleName), spent);
  });
  return [
    budgetTable(modules, { idle, busy, operations }),
    table('module', modules, 'total', busy, 25),
    table('function', functions, 'self', busy, 40),
    table('function', functions, 'total', busy, 60),
  ].join('\n\n');
}

/** Each node's stack, the innermost call first. */
function readStacks(profile: CpuProfile): Map<number, ProfileNode[]> {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const stacks = new Map<number, ProfileNode[]>();
  // A node stands before its children in the file, so that its own stack is always known.
  for (const node of profile.nodes) {
    const stack = stacks.get(node.id) ?? [node];
    stacks.set(node.id, stack);
    for (const child of node.children ?? []) {
      const callee = nodes.get(child);
      if (callee !== undefined) stacks.set(child, [callee, ...stack]);
    }
  }
  return stacks;
}

/** Adds to each name once, however often it stands in the stack. */
function addSample(costs: Map<string, Cost>, names: readonly string[], spent: number): void {
  const [innermost] = names;
  for (const name of new Set(names)) {
    const cost = costs.get(name) ?? { self: 0, total: 0 };
    cost.total += spent;
    if (name === innermost) cost.self += spent;
    costs.set(name, cost);
  }
}

function functionName({ callFrame }: ProfileNode): string {
  const name = callFrame.functionName || '(anonymous)';
  return callFrame.url === '' ? name : `${name}  ${shortUrl(callFrame.url)}:${callFrame.lineNumber + 1}`;
}

/** The package, the folder of the service, or the built-in module that a call belongs to. */
function moduleName({ callFrame }: ProfileNode): string {
  const url = shortUrl(callFrame.url);
  if (url === '') return callFrame.functionName.startsWith('(') ? callFrame.functionName : '(native)';
  if (url.startsWith('node:')) return url;
  const [first, second] = url.split('/');
  return first?.startsWith('@') || first === 'src' ? `${first}/${second}` : (first ?? url);
}

function shortUrl(url: string): string {
  const [own, dependency] = url.split('/node_modules/').slice(-2);
  return dependency ?? (own ?? '').replace(/^.*\/build\/src\//, 'src/');
}

/** The parts of an operation on the main thread that make up 95 % of its time, the dearest first. */
function budgetTable(
  modules: Map<string, Cost>,
  { idle, busy, operations }: { idle: number; busy: number; operations: number },
): string {
  const parts = [...modules].map(([name, { self }]) => [name, self] as const);
  const sorted = [...parts, ['(waiting)', idle] as const].sort(([, a], [, b]) => b - a);
  const rows: string[][] = [];
  let sum = 0;
  const addRow = (name: string, spent: number) => {
    sum += spent;
    const share = (time: number) => `${((time * 100) / (busy + idle)).toFixed(1)} %`;
    rows.push([name, (spent / operations).toFixed(1), share(spent), share(sum)]);
  };
  for (const [name, spent] of sorted) if (sum < 0.95 * (busy + idle)) addRow(name, spent);
  addRow('all others', busy + idle - sum);
  return formatTable(['part of one operation', 'µs', 'share', 'in all'], rows);
}

function table(kind: string, costs: Map<string, Cost>, by: keyof Cost, busy: number, rows: number): string {
  const dearest = [...costs].sort(([, a], [, b]) => b[by] - a[by]).slice(0, rows);
  const share = (spent: number) => `${((spent * 100) / busy).toFixed(1)} %`;
  return formatTable(
    [`${kind}, by ${by}`, 'self', 'total'],
    dearest.map(([name, cost]) => [name, share(cost.self), share(cost.total)]),
  );
}
