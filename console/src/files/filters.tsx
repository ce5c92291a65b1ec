import {
  Button,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  SearchField,
  Select,
  SelectValue,
} from 'react-aria-components';
import { go, type Place } from '../location';
import { orders, statuses, types } from './use-files';
import { type FilesWord, useFilesWords } from './words';

export const filterNames = ['q', 'status', 'type', 'record'] as const;

/** All filters are in the address. */
export function Filters({ place }: { place: Place }) {
  const { say } = useFilesWords();
  const isFiltered = filterNames.some((name) => place[name] !== undefined);
  const cleared = Object.fromEntries(filterNames.map((name) => [name, null]));
  return (
    <search className="filters">
      <SearchField value={place['q'] ?? ''} onChange={(q) => go({ q }, true)}>
        <Label>{say('search')}</Label>
        <Input />
      </SearchField>
      <Choice name="status" place={place} choices={statuses} none="all" />
      <Choice name="type" place={place} choices={Object.keys(types) as FilesWord[]} none="all" />
      <Choice
        name="order"
        place={place}
        choices={Object.keys(orders).slice(1) as FilesWord[]}
        none="newest"
      />
      {isFiltered && <Button onPress={() => go(cleared)}>{say('clearFilters')}</Button>}
    </search>
  );
}

interface ChoiceProps {
  name: 'status' | 'type' | 'order';
  place: Place;
  choices: readonly FilesWord[];
  /** The value while nothing is chosen. */
  none: FilesWord;
}

function Choice({ name, place, choices, none }: ChoiceProps) {
  const { say } = useFilesWords();
  return (
    <Select
      value={place[name] ?? none}
      onChange={(value) => go({ [name]: value === none ? null : String(value) })}
    >
      <Label>{say(name)}</Label>
      <Button>
        <SelectValue />
        <span aria-hidden="true">▾</span>
      </Button>
      <Popover>
        <ListBox>
          {[none, ...choices].map((word) => (
            <ListBoxItem key={word} id={word}>
              {say(word)}
            </ListBoxItem>
          ))}
        </ListBox>
      </Popover>
    </Select>
  );
}
