import { gzipSync } from 'node:zlib';
import * as real from './real-files.js';
import { bytes, type Sample, sample, text } from './sample.js';

const brand = (name: string, ...others: string[]) => {
  const size = 16 + 4 * others.length;
  return bytes([0, 0, 0, size], 'ftyp', name, [0, 0, 0, 0], others.join(''), [0, 0, 16, 0], 'mdat');
};
const at = (offset: number, signature: string) => bytes(Buffer.alloc(offset), signature);
const zipOf = (...names: string[]) => real.zipFile(names.map((name) => ({ name, content: 'x' })));
const mimetype = (type: string) =>
  real.zipFile([
    { name: 'mimetype', content: type },
    { name: 'META-INF/signatures0.xml', content: '<x/>' },
  ]);
const ooxml = 'application/vnd.openxmlformats-officedocument';
const rows = (line: string) => real.utf8(line.repeat(200));

/** Pictures as cameras, phones, scanners and drawing programs write them. */
const pictures: readonly Sample[] = [
  sample('.jpg .JPG .jpe', 'image/jpeg', 'image/jpg', bytes('\xff\xd8\xff\xe1\x1f\xfeExif\0\0MM\0*')),
  sample('.jpg', 'image/jpeg', '', bytes('\xff\xd8\xff\xee\0\x0eAdobe\0')),
  sample('.jpeg', 'image/jpeg', '', bytes('\xff\xd8\xff\xdb\0\x43\0')),
  sample('.tiff .tif', 'image/tiff', 'image/x-tiff', bytes('MM\0*\0\0\0\x08')),
  sample('.tif', 'image/tiff', '', bytes('II+\0\x08\0\0\0\x10')),
  sample('.dng', 'image/x-adobe-dng', 'image/dng image/tiff', bytes('II*\0\x08\0\0\0')),
  sample('.cr2', 'image/x-canon-cr2', 'image/tiff', bytes('II*\0\x10\0\0\0CR\x02\0')),
  sample('.nef', 'image/x-nikon-nef', 'image/tiff', bytes('MM\0*\0\0\0\x08')),
  sample('.heic .HEIC', 'image/heic', 'image/heif', brand('heic', 'mif1', 'heic')),
  sample('.heic', 'image/heic', '', brand('heix', 'mif1')),
  sample('.heics', 'image/heic-sequence', 'image/heif-sequence', brand('hevc', 'msf1')),
  sample('.avif', 'image/avif', '', brand('avif', 'mif1', 'miaf')),
  sample('.jxl', 'image/jxl', '', bytes('\0\0\0\x0cJXL \r\n\x87\n')),
  sample(
    '.jp2',
    'image/jp2',
    'image/jpeg2000 image/x-jp2',
    bytes('\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 '),
  ),
  sample('.psb', 'image/vnd.adobe.photoshop', 'application/x-photoshop', bytes('8BPS\0\x02\0\0\0\0\0\0')),
  sample('.xcf', 'image/x-xcf', '', bytes('gimp xcf v011\0')),
  sample(
    '.tga',
    'image/x-tga',
    'image/x-targa application/tga',
    bytes([0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  ),
  sample('.cur', 'image/vnd.microsoft.icon', 'image/x-icon', bytes([0, 0, 2, 0, 1, 0, 32, 32, 0, 0])),
  sample('.wmf', 'image/wmf', 'image/x-wmf', bytes('\x01\0\x09\0\0\x03')),
  sample('.eps', 'application/postscript', 'image/eps application/eps', bytes('\xc5\xd0\xd3\xc6\x1e\0\0\0')),
  sample('.eps .ps', 'application/postscript', 'image/x-eps', text('%!PS-Adobe-3.1 EPSF-3.0\n')),
  sample('.ai', 'application/postscript', 'application/illustrator', text('%!PS-Adobe-3.0\n')),
  sample(
    '.svg',
    'image/svg+xml',
    '',
    text('\uFEFF<?xml version="1.0"?><!-- Created with Inkscape -->\n<svg>'),
  ),
  sample('.dcm', 'application/dicom', 'image/dicom', at(128, 'DICM\x02\0\0\0')),
  sample('.dds', 'image/vnd.ms-dds', 'image/x-dds', bytes('DDS |\0\0\0')),
  sample('.exr', 'image/aces', 'image/x-exr', bytes('\x76\x2f\x31\x01\x02\0\0\0')),
];

/** Sound and films. */
const media: readonly Sample[] = [
  sample('.mp3 .MP3', 'audio/mpeg', 'audio/mp3 audio/x-mpeg', bytes('ID3\x03\0\0\0\0\x02\x10APIC')),
  sample('.m4b', 'audio/mp4', 'audio/x-m4b audio/x-m4a', brand('M4B ')),
  sample('.m4a', 'audio/x-m4a', 'audio/mp4', brand('M4A ', 'isom')),
  sample('.amr', 'audio/amr', 'audio/x-amr', bytes('#!AMR\n\x3c\x91')),
  sample(
    '.opus',
    'audio/opus',
    'audio/ogg application/ogg',
    bytes('OggS\0\x02', Buffer.alloc(22), 'OpusHead'),
  ),
  sample('.oga', 'audio/ogg', 'application/ogg', bytes('OggS\0\x02', Buffer.alloc(22), '\x7fFLAC')),
  sample('.wav .WAV', 'audio/wav', 'audio/x-wav audio/wave', bytes('RIFF\x24\x20\0\0WAVEfmt ')),
  sample('.wav', 'audio/wav', 'audio/x-wav', bytes('RIFX\0\0\x20\x24WAVEfmt ')),
  sample('.caf', 'audio/x-caf', '', bytes('caff\0\x01\0\0desc')),
  sample('.au', 'audio/basic', 'audio/x-au', bytes('.snd\0\0\0\x18')),
  sample('.ac3', 'audio/vnd.dolby.dd-raw', 'audio/ac3', bytes('\x0b\x77\x1a\x2b\x1c\x40')),
  sample('.mka', 'audio/x-matroska', '', bytes('\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska')),
  sample('.mkv', 'video/matroska', 'video/x-matroska', bytes('\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska')),
  sample('.webm', 'video/webm', '', bytes('\x1a\x45\xdf\xa3\x8b\x42\x82\x84webm')),
  sample('.mp4 .MP4', 'video/mp4', 'application/mp4', brand('mp42', 'isom', 'mp42')),
  sample('.mp4', 'video/mp4', '', brand('avc1', 'isom')),
  sample('.m4v', 'video/x-m4v', 'video/mp4', brand('M4V ', 'isom')),
  sample('.3gp', 'video/3gpp', 'audio/3gpp', brand('3gp5', '3gp5')),
  sample('.mov .MOV .qt', 'video/quicktime', 'video/x-quicktime', bytes('\0\0\0\x08wide\0\0\x10\0mdat')),
  sample('.mov', 'video/quicktime', '', bytes('\0\0\0\x6cmoov\0\0\0\x6cmvhd')),
  sample('.mpg .mpeg .vob', 'video/mpeg', 'video/mpg video/x-mpeg', bytes('\0\0\x01\xba\x44\0\x04\0')),
  sample('.ogv', 'video/ogg', 'application/ogg', bytes('OggS\0\x02', Buffer.alloc(22), '\x80theora')),
  sample(
    '.swf',
    'application/x-shockwave-flash',
    'application/vnd.adobe.flash.movie',
    bytes('CWS\x0a\0\x10\0\0'),
  ),
];

/** Documents of offices, and what people sign and publish. */
const documents: readonly Sample[] = [
  sample(
    '.pdf .PDF',
    'application/pdf',
    'application/x-pdf',
    bytes('\xef\xbb\xbf%PDF-1.5\n%\xe2\xe3\xcf\xd3\n'),
  ),
  sample('.pdf', 'application/pdf', 'text/pdf', bytes('\r\n\r\n%PDF-1.3\n')),
  sample('.xls', 'application/vnd.ms-excel', 'application/msexcel', real.compoundFile('Book')),
  sample(
    '.docx',
    `${ooxml}.wordprocessingml.document`,
    'application/x-cfb',
    real.compoundFile('EncryptedPackage'),
  ),
  sample('.xlsx', `${ooxml}.spreadsheetml.sheet`, '', real.compoundFile('EncryptedPackage')),
  sample(
    '.hwp',
    'application/x-hwp',
    'application/haansofthwp',
    real.compoundFile('\x05HwpSummaryInformation'),
  ),
  sample('.hwpx', 'application/hwp+zip', 'application/vnd.hancom.hwpx', mimetype('application/hwp+zip')),
  sample('.asice', 'application/vnd.etsi.asic-e+zip', '', mimetype('application/vnd.etsi.asic-e+zip')),
  sample(
    '.pages',
    'application/vnd.apple.pages',
    'application/x-iwork-pages-sffpages',
    zipOf('Index/Document.iwa'),
  ),
  sample('.numbers', 'application/vnd.apple.numbers', '', zipOf('Index/Document.iwa')),
  sample('.key', 'application/vnd.apple.keynote', '', zipOf('Index/Document.iwa')),
  sample(
    '.odb',
    'application/vnd.oasis.opendocument.database',
    '',
    mimetype('application/vnd.oasis.opendocument.database'),
  ),
  sample(
    '.odb',
    'application/vnd.oasis.opendocument.database',
    'application/vnd.oasis.opendocument.base',
    mimetype('application/vnd.oasis.opendocument.base'),
  ),
  sample(
    '.fodt',
    'application/vnd.oasis.opendocument.text-flat-xml',
    '',
    text('<?xml version="1.0"?><office:document>'),
  ),
  sample(
    '.p7m',
    'application/pkcs7-mime',
    'application/x-pkcs7-mime',
    bytes('\x30\x82\x10\0\x06\x09\x2a\x86\x48'),
  ),
  sample(
    '.p7s',
    'application/pkcs7-signature',
    'application/x-pkcs7-signature',
    bytes('\x30\x82\x10\0\x06\x09\x2a'),
  ),
  sample('.tnef .dat', 'application/vnd.ms-tnef', 'application/ms-tnef', bytes('\x78\x9f\x3e\x22\x01\0')),
  sample(
    '.mobi .azw3',
    'application/x-mobipocket-ebook',
    'application/vnd.amazon.mobi8-ebook',
    at(60, 'BOOKMOBI'),
  ),
  sample('.chm', 'application/vnd.ms-htmlhelp', 'application/x-chm', bytes('ITSF\x03\0\0\0\x60\0\0\0')),
];

/** Archives, programs, data and drawings. */
const others: readonly Sample[] = [
  sample('.zip', 'application/zip', 'application/x-zip', real.bytes('PK\x05\x06', Buffer.alloc(18))),
  sample('.whl .nupkg', 'application/zip', '', zipOf('a/METADATA')),
  sample('.tar', 'application/x-tar', '', bytes('a.txt', Buffer.alloc(252), 'ustar  \0')),
  sample('.tgz .tar.gz', 'application/gzip', 'application/x-compressed-tar', gzipSync(real.noise(5_000))),
  sample('.tar.xz .txz', 'application/x-xz', 'application/x-xz-compressed-tar', bytes('\xfd7zXZ\0\0\x04')),
  sample('.tar.bz2', 'application/x-bzip2', 'application/x-bzip-compressed-tar', bytes('BZh61AY&SY')),
  sample('.lz4', 'application/x-lz4', '', bytes('\x04\x22\x4d\x18\x64\x40')),
  sample('.lz', 'application/x-lzip', '', bytes('LZIP\x01\x0c')),
  sample('.cab', 'application/vnd.ms-cab-compressed', 'application/x-cab', bytes('MSCF\0\0\0\0\x10')),
  sample('.iso', 'application/x-iso9660-image', 'application/x-cd-image', at(32_769, 'CD001\x01')),
  sample('.dmg', 'application/x-apple-diskimage', '', bytes('\x78\x01\x73\x0d\x62\x62\x60')),
  sample(
    '.rpm',
    'application/x-redhat-package-manager',
    'application/x-rpm',
    bytes('\xed\xab\xee\xdb\x03\0'),
  ),
  sample('.ipa', 'application/zip', 'application/x-ios-app', zipOf('Payload/a.app/Info.plist')),
  sample(
    '.crx',
    'application/x-chrome-extension',
    'application/x-google-chrome-extension',
    bytes('Cr24\x03\0\0\0'),
  ),
  sample('.class', 'application/java-vm', 'application/x-java-class', bytes('\xca\xfe\xba\xbe\0\0\0\x34')),
  sample('.wasm', 'application/wasm', '', bytes('\0asm\x01\0\0\0')),
  sample(
    '.lnk',
    'application/x-ms-shortcut',
    'application/x.ms.shortcut',
    bytes('L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F'),
  ),
  sample('.pcap', 'application/vnd.tcpdump.pcap', '', bytes('\xd4\xc3\xb2\xa1\x02\0\x04\0')),
  sample('.parquet', 'application/vnd.apache.parquet', 'application/x-parquet', bytes('PAR1\x15\0')),
  sample(
    '.dbf',
    'application/vnd.dbf',
    'application/x-dbf',
    bytes([3, 120, 5, 17, 8, 0, 0, 0, 97, 0, 50, 0]),
  ),
  sample('.torrent', 'application/x-bittorrent', '', bytes('d8:announce35:udp://tracker')),
  sample('.p12 .pfx', 'application/pkcs12', 'application/x-pkcs12', bytes('\x30\x82\x0a\x01\x02\x01\x03')),
  sample(
    '.der .crt',
    'application/x-x509-ca-cert',
    'application/pkix-cert',
    bytes('\x30\x82\x03\x55\x30\x82'),
  ),
  sample('.dwg', 'image/vnd.dwg', 'application/x-dwg image/x-dwg', bytes('AC1015\0\0\0\0\0\x06')),
  sample(
    '.stl',
    'model/stl',
    'application/sla application/vnd.ms-pki.stl',
    bytes('solid part'.padEnd(80), [8, 0, 0, 0]),
  ),
  sample('.glb', 'model/gltf-binary', '', bytes('glTF\x02\0\0\0')),
  sample('.blend', 'application/x-blender', '', bytes('BLENDER-v300')),
  sample(
    '.skp',
    'application/vnd.sketchup.skp',
    '',
    bytes('\xff\xfe\xff\x0e', Buffer.from('SketchUp Model', 'utf16le')),
  ),
  sample('.fbx', 'application/vnd.autodesk.fbx', '', bytes('Kaydara FBX Binary  \0\x1a\0')),
  sample('.rvt .sldprt .ipt', 'application/x-cfb', '', real.compoundFile('BasicFileInfo')),
];

/** Texts, also under extensions for which the registry has something else. */
const texts: readonly Sample[] = [
  sample(
    '.srt',
    'application/x-subrip',
    'text/plain',
    real.utf16('1\r\n00:00:01,000 --> 00:00:02,000\r\nÄ\r\n'),
  ),
  sample(
    '.srt',
    'application/x-subrip',
    'text/srt',
    real.bytes('1\r\n00:00:01,000 --> 00:00:02,000\r\n\xc4\r\n'),
  ),
  sample('.ass .ssa .lrc .cue', 'text/plain', 'text/x-ssa', text('[Script Info]\r\n')),
  sample('.smi', 'text/plain', '', rows('00:01 a line of SAMI without markup\n')),
  sample('.nfo', 'text/x-nfo', 'text/plain', rows('R E L E A S E\n')),
  sample('.diz', 'text/plain', '', real.bytes('\xdb\xdb\xb2\xb1\xb0 R E L E A S E \r\n'.repeat(300))),
  sample('.tpl .res .td .fo .plc .svc .cct', 'text/plain', '', rows('let x = {{ value }};\n')),
  sample('.pic .sid .rgb .ras .movie', 'text/plain', '', rows('box "a"; arrow; box "b"\n')),
  sample('.map', 'text/plain', '', rows('Memory map of the program\n')),
  sample('.map .json', 'application/json', 'text/json', rows('{"version":3}\n')),
  sample('.iif .str .rep .install', 'text/plain', '', rows('!TRNS\tTRNSID\tDATE\n')),
  sample('.cu .dart .plb .mag .dis', 'text/plain', '', rows('int main() { return 0; }\n')),
  sample('.sub', 'text/plain', '', rows('{1}{25}Hello\n')),
  sample('.m3u', 'audio/x-mpegurl', 'application/vnd.apple.mpegurl text/plain', rows('#EXTM3U\n')),
  sample('.m3u8', 'application/vnd.apple.mpegurl', 'audio/x-mpegurl', rows('#EXTM3U\n')),
  sample('.pls .playlist', 'text/plain', '', rows('http://example.org/a\n')),
  sample('.asx .svd .nmap', 'application/xml', '', rows('<?xml version="1.0"?>\n<asx version="3.0"/>\n')),
  sample(
    '.reg',
    'text/plain',
    'text/x-ms-regedit',
    real.utf16('Windows Registry Editor Version 5.00\r\n\r\n'),
  ),
  sample('.ini .inf .cfg .conf .properties', 'text/plain', '', real.utf16('[a]\r\nb=c\r\n')),
  sample('.strings', 'text/plain', '', real.utf16('"a" = "b";\r\n')),
  sample(
    '.pem .crt',
    'application/x-x509-ca-cert',
    'application/x-pem-file text/plain',
    rows('-----BEGIN CERTIFICATE-----\n'),
  ),
  sample('.key .csr', 'text/plain', 'application/x-pem-file', rows('-----BEGIN CERTIFICATE-----\n')),
  sample(
    '.asc',
    'text/plain',
    'application/pgp-signature application/pgp-encrypted',
    text('-----BEGIN PGP MESSAGE-----\n'),
  ),
  sample('.gcode .nc .tap .ngc', 'text/plain', '', rows('G1 X10 Y20 F1500\n')),
  sample('.gbr .ger .drl', 'text/plain', '', rows('%FSLAX24Y24*%\n')),
  sample('.dxf', 'image/vnd.dxf', 'application/dxf', rows('999\r\nDXF created by hand\r\n')),
  sample('.stl', 'model/stl', 'application/sla', rows('solid part\nfacet normal 0 0 1\n')),
  sample('.obj', 'model/obj', 'text/plain', rows('v 0.1 0.2 0.3\n')),
  sample('.ifc .stp', 'model/step', 'application/x-step', text('ISO-10303-21;\nHEADER;\n')),
  sample(
    '.gpx',
    'application/gpx+xml',
    'application/xml text/xml',
    rows('<?xml version="1.0"?><gpx></gpx>\n'),
  ),
  sample('.kml', 'application/vnd.google-earth.kml+xml', 'text/xml', rows('<?xml version="1.0"?><kml/>\n')),
  sample('.geojson', 'application/geo+json', 'application/json', rows('{"type":"Point"}\n')),
  sample('.ipynb', 'application/x-ipynb+json', 'application/json', rows('{"cells":[]}\n')),
  sample(
    '.eml',
    'message/rfc822',
    'text/plain',
    text('Received: from a by b; Mon, 1 Jan 2024\r\nSubject: x\r\n\r\n'),
  ),
  sample('.eml', 'message/rfc822', '', text('\uFEFFFrom: a@example.org\r\n\r\n')),
  sample(
    '.mht',
    'message/rfc822',
    'multipart/related',
    text('MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n'),
  ),
  sample('.mbox', 'application/mbox', 'text/plain', text('From - Mon Jan 01 00:00:00 2024\n')),
  sample('.vcf', 'text/vcard', 'text/directory', text('\uFEFFbegin:vcard\r\nversion:3.0\r\n')),
  sample('.ics', 'text/calendar', 'text/x-vcalendar', text('\uFEFFBEGIN:VCALENDAR\r\n')),
  sample('.csv .CSV', 'text/csv', 'application/vnd.ms-excel', text('\uFEFFsep=;\r\na;b\r\n')),
  sample('.csv', 'text/csv', 'text/x-csv', real.bytes('Na\xefve;\x80 5\r\n'.repeat(300), [0x1a])),
  sample('.tsv', 'text/tab-separated-values', 'text/tsv', real.bytes('ID\tStra\xdfe\r\n'.repeat(300))),
  sample('.txt', 'text/plain', '', real.bytes('\x83\x65\x83\x58\x83\x67 Shift_JIS\r\n'.repeat(200))),
  sample('.txt', 'text/plain', '', real.bytes('\xcf\xf0\xe8\xe2\xe5\xf2 windows-1251\r\n'.repeat(200))),
  sample('.txt .log', 'text/plain', '', real.bytes('\x1b[31mred\x1b[0m line\n'.repeat(300))),
  sample('.prn .lst', 'text/plain', '', real.bytes('page one\x0c\r\npage two\x0c\r\n'.repeat(200))),
  sample('.edi .x12 .edifact', 'text/plain', '', real.bytes("UNB+UNOA:1+A\x1dB\x1fC'\n".repeat(200))),
  sample(
    '.mt940',
    'text/plain',
    '',
    real.bytes('\x01{1:F01AAAABB99BSMK}', ':61:2401010101C1\r\n'.repeat(300)),
  ),
  sample('.tex', 'application/x-tex', 'text/x-tex application/x-bibtex text/plain', rows('\\section{A}\n')),
  sample('.bib .ltx', 'text/plain', 'application/x-bibtex', rows('\\section{A}\n')),
  sample('.rb .go .kt .swift .cs .ps1 .vb', 'text/plain', '', rows('a = 1\n')),
  sample('.jsx', 'text/jsx', 'text/plain', rows('export const a = 1;\n')),
  sample('.tsx .vue .svelte', 'text/plain', '', rows('export const a = 1;\n')),
  sample('.sql', 'application/sql', 'text/x-sql application/x-sql', rows('SELECT 1;\n')),
  sample('.plist', 'application/xml', 'text/xml', rows('<?xml version="1.0"?><!DOCTYPE plist><plist/>\n')),
];

/** Files of kinds that the other tables have not, and other files of their kinds. */
export const furtherSamples: readonly Sample[] = [...pictures, ...media, ...documents, ...others, ...texts];
