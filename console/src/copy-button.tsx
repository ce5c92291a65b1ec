import { useState } from 'react';
import { Button } from 'react-aria-components';
import { useWords } from './words';

/** Copies a text; nothing where a page may not, such as without TLS. */
export function CopyButton({ name, text }: { name: string; text: string }) {
  const { say } = useWords();
  const [copied, setCopied] = useState<string | null>(null);
  if (!navigator.clipboard) return null;
  const copy = () => {
    void navigator.clipboard.writeText(text).then(
      () => setCopied(text),
      () => setCopied(null),
    );
  };
  return (
    <Button onPress={copy} aria-label={`${say('copy')}: ${name}`}>
      {say(copied === text ? 'copied' : 'copy')}
    </Button>
  );
}
