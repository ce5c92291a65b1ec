import { useState } from 'react';
import type { Language } from './words';

/** A choice that this browser remembers. */
function useChoice<Value extends string>(name: string, usual: Value): [Value, (value: Value) => void] {
  const [value, setValue] = useState(
    () => (localStorage.getItem(`claimcheck:${name}`) as Value | null) ?? usual,
  );
  const choose = (next: Value) => {
    localStorage.setItem(`claimcheck:${name}`, next);
    setValue(next);
  };
  return [value, choose];
}

export const useLanguage = () =>
  useChoice<Language>('language', navigator.language.startsWith('de') ? 'de' : 'en');

export const useTheme = () =>
  useChoice<'dark' | 'light'>('theme', matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
