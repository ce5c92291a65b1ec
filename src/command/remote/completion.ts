import { Argument, Command } from 'commander';
import { exitStatus } from './session.js';

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
