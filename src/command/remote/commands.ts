import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import type { RecordInput } from '../../client/schema-types.js';
import { jsonOption } from '../output.js';
import { exitStatus, runRemote, type SessionOptions } from './session.js';
import type {
  LinkCommandOptions,
  ListCommandOptions,
  ShareCommandOptions,
  UrlCommandOptions,
} from './show.js';
import type { UploadCommandOptions } from './upload-files.js';

const explanation = `
The service is at CLAIMCHECK_URL, and the key is CLAIMCHECK_KEY.

Exit status: 0 done, 1 refused, 2 wrong usage, 3 not reachable.`;

/** Loads the modules that `--help` does not need. */
const load = () => import('./show.js');

const recordOption = ['--record <TYPE/ID>', 'a record, such as WorkPackage/7', parseRecord] as const;
const fieldOption = ['--field <name>', "the name of a record's field"] as const;

/** The commands that work on a service over HTTP, and need neither its database nor its settings. `umask` is the user's own. */
export function remoteCommands(umask: number): Command[] {
  return [...transfers(umask), ...reads(), ...changes()];
}

function transfers(umask: number): Command[] {
  const upload = remote('upload <file...>')
    .description('Upload files, folders, patterns such as "*.pdf", or - for the standard input.')
    .option(...recordOption)
    .option(...fieldOption)
    .option('--name <name>', "another name than the file's own")
    .option('--description <text>', 'Markdown')
    .option('--parallel <count>', 'uploads at the same time, 1 to 20', parseParallel, 3)
    .action((files: string[], options: UploadCommandOptions) =>
      runRemote(async () => (await import('./upload-files.js')).uploadFiles(files, options)),
    );
  const get = remote('get <id>')
    .description('Download a file, check its SHA-256, and go on where an earlier run broke off.')
    .option('-o, --output <file>', "another place than the file's own name here; - is the standard output")
    .option('--force', 'overwrite a file of that name')
    .action((id: string, options: SessionOptions & { output?: string; force?: boolean }) =>
      runRemote(async () => {
        // Files are the user's, as from any other program.
        process.umask(umask);
        return (await import('./get-file.js')).getFile(id, options);
      }),
    );
  return [upload, get];
}

function reads(): Command[] {
  const ls = remote('ls')
    .description('List attachments, the newest first, or those of a field in its order.')
    .option(...recordOption)
    .option(...fieldOption)
    .option('--limit <count>', 'no more than these; 0: all', parseCount, 100)
    .action((options: ListCommandOptions) => runRemote(async () => (await load()).list(options)));
  const url = remote('url <id>')
    .description('Print a signed URL to download by without a key.')
    .option('--expires-in <seconds>', 'how long it lasts, 1 to 604800', parseCount, 300)
    .option('--inline', 'for a browser that shows the file')
    .action((id: string, options: UrlCommandOptions) =>
      runRemote(async () => (await load()).printUrl(id, options)),
    );
  const whoami = remote('whoami')
    .description('Show whose key it is, and what it permits.')
    .action((options: SessionOptions) => runRemote(async () => (await load()).whoAmI(options)));
  return [ls, url, whoami];
}

function changes(): Command[] {
  const claim = remote('claim <id>')
    .description('Give an attachment to a record, for good.')
    .requiredOption(...recordOption)
    .action((id: string, options: SessionOptions & { record: RecordInput }) =>
      runRemote(async () => (await load()).claim(id, options)),
    );
  const link = remote('link <id...>')
    .description("Add attachments to a record's field.")
    .requiredOption(...recordOption)
    .option(...fieldOption)
    .option('--replace', 'the field holds exactly these from then on')
    .option('--expected-version <number>', 'refuse if the field has another version', parseCount)
    .action((ids: string[], options: LinkCommandOptions) =>
      runRemote(async () => (await load()).link(ids, options)),
    );
  const share = remote('share <id>')
    .description('Print a link that shares an attachment, without a key, until it is revoked.')
    .option('--expires-in <seconds>', 'how long it lasts; default: for good', parseCount)
    .option('--downloads <count>', 'how often it works; default: any number', parseCount)
    .action((id: string, options: ShareCommandOptions) =>
      runRemote(async () => (await load()).share(id, options)),
    );
  const rm = remote('rm <id...>')
    .description('Delete attachments.')
    .action((ids: string[], options: SessionOptions) =>
      runRemote(async () => (await load()).remove(ids, options)),
    );
  return [claim, link, share, rm];
}

function remote(nameAndArguments: string): Command {
  return new Command()
    .command(nameAndArguments)
    .option('--url <url>', 'the service; default: CLAIMCHECK_URL, else http://127.0.0.1:4000')
    .addOption(new Option('--key-file <path>', 'a file with the key; default: CLAIMCHECK_KEY'))
    .option(...jsonOption)
    .addHelpText('after', explanation)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? exitStatus.done : exitStatus.wrongUsage));
}

function parseRecord(text: string): RecordInput {
  const [, type = '', id = ''] = /^([^/]+)\/(.+)$/s.exec(text) ?? [];
  if (type === '') throw new InvalidArgumentError('It must be a type and an id, such as WorkPackage/7.');
  return { type, id };
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function parseParallel(text: string): number {
  const count = parseCount(text);
  if (count >= 1 && count <= 20) return count;
  throw new InvalidArgumentError('It must be from 1 to 20.');
}

const shells = { bash, zsh } as const;

/** `claimcheck completion …`: a script for a shell that knows the commands of `program`. */
export function completionCommand(program: Command): Command {
  return new Command('completion')
    .description('Print what completes commands: eval "$(claimcheck completion bash)"')
    .addArgument(new Argument('<shell>').choices(Object.keys(shells)))
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? exitStatus.done : exitStatus.wrongUsage))
    .action((shell: keyof typeof shells) => void process.stdout.write(shells[shell](program)));
}

interface Words {
  name: string;
  options: string[];
  /** The commands below it; files are completed if there are none. */
  below: string[];
}

function wordsOf(command: Command): Words {
  const options = [command, ...command.commands].flatMap((one) => one.options.map(({ long }) => long ?? ''));
  const below = command.commands.map((one) => one.name());
  return { name: command.name(), options: [...new Set([...options, '--help'])].filter(Boolean), below };
}

const namesOf = (program: Command) => program.commands.map((command) => command.name()).join(' ');

function bash(program: Command): string {
  const cases = program.commands.map(wordsOf).map(({ name, options, below }) => {
    return `    ${name}) options='${options.join(' ')}' below='${below.join(' ')}' ;;\n`;
  });
  return `_claimcheck() {
  local current=\${COMP_WORDS[COMP_CWORD]} options='--help --version' below='${namesOf(program)}'
  if [ "$COMP_CWORD" -gt 1 ]; then
    options='' below=''
    case \${COMP_WORDS[1]} in
${cases.join('')}    esac
    if [ "$COMP_CWORD" -gt 2 ]; then below=''; fi
  fi
  case $current in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$below" -- "$current")) ;;
  esac
}
complete -o default -F _claimcheck claimcheck
`;
}

function zsh(program: Command): string {
  const cases = program.commands.map(wordsOf).map(({ name, options, below }) => {
    return `      ${name}) options=(${options.join(' ')}) below=(${below.join(' ')}) ;;\n`;
  });
  return `#compdef claimcheck
_claimcheck() {
  local -a options below
  if (( CURRENT == 2 )); then
    options=(--help --version) below=(${namesOf(program)})
  else
    case $words[2] in
${cases.join('')}    esac
    if (( CURRENT > 3 )); then below=(); fi
  fi
  if [[ $PREFIX == -* ]]; then compadd -- $options
  elif (( $#below )); then compadd -- $below
  else _files
  fi
}
if [[ $funcstack[1] == _claimcheck ]]; then _claimcheck "$@"
else compdef _claimcheck claimcheck
fi
`;
}
