import { Checkbox, CheckboxGroup, Input, Label, TextField } from 'react-aria-components';
import type { CreateApiKeyInput } from './graphql';
import { useAdministrationWords } from './words';

/** The name of a new key, which of the viewer's permissions it has, and its last day. */
export function KeyFields({ permissions }: { permissions: readonly string[] }) {
  const { say } = useAdministrationWords();
  return (
    <>
      <TextField name="name" isRequired maxLength={255} autoFocus>
        <Label>{say('name')}</Label>
        <Input autoComplete="off" />
      </TextField>
      <CheckboxGroup name="permissions" isRequired defaultValue={['attachments:read']}>
        <Label>{say('permissions')}</Label>
        {permissions.map((permission) => (
          <Checkbox key={permission} value={permission}>
            <span className="box" aria-hidden="true" />
            {permission}
          </Checkbox>
        ))}
      </CheckboxGroup>
      <label>
        {say('lastDay')}
        <input type="date" name="lastDay" />
      </label>
    </>
  );
}

/** A day ends at midnight where the reader is. */
export function readKeyFields(form: FormData): CreateApiKeyInput {
  const lastDay = String(form.get('lastDay') ?? '');
  return {
    name: String(form.get('name')),
    permissions: form.getAll('permissions').map(String),
    expiresAt: lastDay === '' ? null : new Date(`${lastDay}T23:59:59.999`).toISOString(),
  };
}
