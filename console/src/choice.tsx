import { Button, Label, ListBox, ListBoxItem, Popover, Select, SelectValue } from 'react-aria-components';
import { go } from './location';

interface ChoiceProps {
  label: string;
  value: string;
  /** The words of each value. */
  choices: Readonly<Record<string, string>>;
  /** The parameter of the address. */
  name: string;
  /** The value that the address leaves out. */
  none: string;
}

/** One of a few values, in the address. */
export function Choice({ label, value, choices, name, none }: ChoiceProps) {
  return (
    <Select value={value} onChange={(next) => go({ [name]: next === none ? null : String(next) })}>
      <Label>{label}</Label>
      <Button>
        <SelectValue />
        <span aria-hidden="true">▾</span>
      </Button>
      <Popover>
        <ListBox>
          {Object.entries(choices).map(([id, words]) => (
            <ListBoxItem key={id} id={id}>
              {words}
            </ListBoxItem>
          ))}
        </ListBox>
      </Popover>
    </Select>
  );
}
