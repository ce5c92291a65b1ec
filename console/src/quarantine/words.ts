import { pageWords } from '../words';

export const useQuarantineWords = pageWords(
  {
    readAgain: 'Read again',
    nothingRefused: 'No file was refused.',
    noVerdict: 'The scanner gave no verdict in all its attempts.',
    MALWARE: 'Malware',
    CONTENT_TYPE: 'Content type',
    POLICY: 'Policy',
    rescan: 'Scan again',
    rescanAsked: 'It will be scanned again.',
    release: 'Release',
    releaseTitle: 'Release this file?',
    releaseHint:
      'The content and all its copies are approved for good. The audit keeps the reason and your name.',
    reason: 'Reason',
    purgedOn: 'Will be deleted',
  },
  {
    readAgain: 'Neu lesen',
    nothingRefused: 'Keine Datei wurde abgelehnt.',
    noVerdict: 'Der Scanner hat in allen Versuchen kein Urteil gefällt.',
    MALWARE: 'Schadsoftware',
    CONTENT_TYPE: 'Inhaltstyp',
    POLICY: 'Richtlinie',
    rescan: 'Erneut prüfen',
    rescanAsked: 'Sie wird erneut geprüft.',
    release: 'Freigeben',
    releaseTitle: 'Diese Datei freigeben?',
    releaseHint:
      'Der Inhalt und alle Kopien sind dann endgültig freigegeben. Das Protokoll behält den Grund und Ihren Namen.',
    reason: 'Grund',
    purgedOn: 'Wird gelöscht am',
  },
);
