import type { FormEvent } from 'react';
import {
  Button,
  Disclosure,
  DisclosurePanel,
  Form,
  Input,
  Label,
  SearchField,
  TextField,
  ToggleButton,
} from 'react-aria-components';
import type { Viewer } from '../app';
import { Choice } from '../choice';
import { go, type Place } from '../location';
import { ages, filterNames, orders, statuses, types } from './use-files';
import { type FilesWord, useFilesWords } from './words';

const further = ['record', 'creator', 'age', 'use'] as const;

interface FiltersProps {
  place: Place;
  viewer: Viewer;
}

/** All filters are in the address. */
export function Filters({ place, viewer }: FiltersProps) {
  const { say, number } = useFilesWords();
  const isFiltered = filterNames.some((name) => place[name] !== undefined);
  const cleared = Object.fromEntries(filterNames.map((name) => [name, null]));
  const count = further.filter((name) => place[name] !== undefined).length;
  return (
    <search className="filters">
      <SearchField value={place['q'] ?? ''} onChange={(q) => go({ q }, true)}>
        <Label>{say('search')}</Label>
        <Input maxLength={255} />
      </SearchField>
      <Words name="status" place={place} choices={statuses} none="all" />
      <Words name="type" place={place} choices={Object.keys(types) as FilesWord[]} none="all" />
      <Words name="order" place={place} choices={Object.keys(orders).slice(1) as FilesWord[]} none="newest" />
      <ToggleButton
        isSelected={place['trash'] !== undefined}
        onChange={(isTrash) => go({ trash: isTrash ? '1' : null, file: null })}
      >
        {say('trash')}
      </ToggleButton>
      <Disclosure className="further" defaultExpanded={count > 0}>
        <Button slot="trigger">
          {say('moreFilters')}
          {count > 0 && ` (${number(count)})`}
        </Button>
        <DisclosurePanel>
          <Further place={place} viewer={viewer} />
        </DisclosurePanel>
      </Disclosure>
      {isFiltered && <Button onPress={() => go(cleared)}>{say('clearFilters')}</Button>}
    </search>
  );
}

function Further({ place, viewer: { principal } }: FiltersProps) {
  const { say } = useFilesWords();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    go(Object.fromEntries(['record', 'creator'].map((name) => [name, String(form.get(name)).trim()])));
  };
  return (
    <div className="filters">
      <Words name="age" place={place} choices={[...(Object.keys(ages) as FilesWord[]), 'older']} none="all" />
      <Words name="use" place={place} choices={['expiring', 'unlinked', 'linked', 'damaged']} none="all" />
      <Form className="filters" onSubmit={submit} key={`${place['record']} ${place['creator']}`}>
        <TextField name="record" defaultValue={place['record'] ?? ''} maxLength={511}>
          <Label>{say('recordFilter')}</Label>
          <Input placeholder="WorkPackage/7" />
        </TextField>
        <TextField name="creator" defaultValue={place['creator'] ?? ''} maxLength={255}>
          <Label>{say('creator')}</Label>
          <Input />
        </TextField>
        <Button type="submit">{say('apply')}</Button>
      </Form>
      <Button onPress={() => go({ creator: principal.id })}>{say('mine')}</Button>
    </div>
  );
}

interface WordsProps {
  name: 'status' | 'type' | 'order' | 'age' | 'use';
  place: Place;
  choices: readonly FilesWord[];
  none: FilesWord;
}

/** A choice whose values are words. */
function Words({ name, place, choices, none }: WordsProps) {
  const { say } = useFilesWords();
  const values = Object.fromEntries([none, ...choices].map((word) => [word, say(word)]));
  return <Choice label={say(name)} value={place[name] ?? none} choices={values} name={name} none={none} />;
}
