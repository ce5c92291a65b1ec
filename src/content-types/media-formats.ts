export const mediaFormats: readonly Format[] = [
  { type: 'audio/wav', names: 'audio/vnd.wave audio/wave' },
  { type: 'audio/wav', begins: ['RIFX????WAVE', 'RF64????WAVE', 'BW64????WAVE', 'riff\x2e\x91\xcf\x11'] },
  { type: 'audio/aac', names: 'audio/aacp audio/hx-aac-adts audio/vnd.dlna.adts audio/adts' },
  { type: 'audio/aac', ext: '.aac .adts' },
  { type: 'audio/aiff', names: 'audio/aif audio/aifc', ext: '.aiff .aif .aifc' },
  { type: 'audio/ape', names: 'audio/monkeys-audio', ext: '.ape' },
  { type: 'audio/vnd.dolby.dd-raw', names: 'audio/ac3 audio/a52', ext: '.ac3' },
  { type: 'audio/basic', names: 'audio/au', begins: ['.snd'] },
  { type: 'audio/flac', names: 'application/flac', ext: '.flac' },
  { type: 'audio/midi', names: 'audio/mid audio/sp-midi' },
  { type: 'audio/mpeg', names: 'audio/mp3 audio/mpeg3 audio/mpg audio/mpeg-3' },
  { type: 'audio/mpeg', ext: '.mp3 .mpga .mp2 .mpa .m2a .m3a' },
  { type: 'audio/wavpack', ext: '.wv' },
  { type: 'audio/x-caf', begins: ['caff\0'] },
  { type: 'audio/x-m4a', names: 'audio/m4a audio/m4b audio/m4p' },
  { type: 'audio/x-ms-wma', names: 'audio/wma' },
  { type: 'audio/xm', names: 'audio/x-xm' },
  { type: 'image/bmp', names: 'image/ms-bmp image/windows-bmp application/bmp image/x-bitmap' },
  { type: 'image/bmp', names: 'image/win-bitmap' },
  { type: 'image/bmp', ext: '.bmp .dib' },
  { type: 'image/emf', names: 'application/emf', begins: [`\x01\0\0\0${'?'.repeat(36)} EMF`] },
  { type: 'image/jp2', names: 'image/jpeg2000 image/jpeg2000-image' },
  { type: 'image/jpeg', names: 'application/jpg image/jpe image/jpg image/pjpeg image/citrix-jpeg' },
  { type: 'image/jpeg', ext: '.jpeg .jpg .jpe .jfif .jif' },
  { type: 'image/jxr', names: 'image/vnd.ms-photo' },
  {
    type: 'image/png',
    names: 'application/png image/citrix-png image/vnd.mozilla.apng',
    begins: ['\x89PNG\r\n\x1a\n'],
  },
  { type: 'image/svg+xml', names: 'image/svg image/svg-xml', ext: '.svg .svgz' },
  { type: 'image/x-adobe-dng', names: 'image/dng' },
  { type: 'image/tiff', names: 'image/tif application/tiff', begins: ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'] },
  { type: 'image/vnd.adobe.photoshop', names: 'application/photoshop image/photoshop image/psd' },
  { type: 'image/vnd.adobe.photoshop', names: 'application/psd' },
  { type: 'image/vnd.adobe.photoshop', ext: '.psd .psb' },
  { type: 'image/vnd.microsoft.icon', names: 'application/ico image/ico image/icon text/ico' },
  { type: 'image/vnd.microsoft.icon', ext: '.ico .cur' },
  { type: 'image/vnd.zbrush.pcx', names: 'image/pcx' },
  { type: 'image/wmf', names: 'application/wmf application/msmetafile image/win-metafile' },
  { type: 'image/wmf', begins: ['\xd7\xcd\xc6\x9a', '\x01\0\x09\0\0\x03', '\x02\0\x09\0\0\x03'] },
  { type: 'image/x-tga', names: 'application/tga image/targa application/targa', ext: '.tga .icb .vda' },
  { type: 'video/mj2', names: 'image/mj2' },
  { type: 'video/mp2t', names: 'video/vnd.dlna.mpeg-tts video/mpeg-ts application/mp2t' },
  { type: 'video/mp2t', ext: '.ts .mts .m2ts .m2t' },
  { type: 'video/mpeg', names: 'video/mpg video/mpeg2 video/mpeg-system' },
  { type: 'video/quicktime', names: 'video/mov application/quicktime' },
  { type: 'video/x-flv', names: 'video/flash application/flash-video' },
  { type: 'video/x-msvideo', names: 'video/avi video/msvideo video/vnd.avi application/avi' },
  { type: 'font/ttf', names: 'application/font-ttf application/font-truetype font/truetype', ext: '.ttf' },
  { type: 'font/otf', names: 'application/font-otf application/font-opentype application/vnd.ms-opentype' },
  { type: 'font/otf', names: 'font/opentype' },
  { type: 'font/sfnt', names: 'application/font-sfnt' },
  { type: 'font/woff', names: 'application/font-woff' },
  { type: 'font/woff2', names: 'application/font-woff2' },
  { type: 'application/vnd.ms-fontobject', names: 'application/font-eot font/eot' },
];

export const drawingFormats: readonly Format[] = [
  { type: 'image/vnd.dwg', names: 'application/acad application/autocad_dwg application/dwg drawing/dwg' },
  { type: 'image/vnd.dwg', ext: '.dwg .dwt' },
  { type: 'image/vnd.dwg', names: 'application/autocad image/dwg application/vnd.dwg' },
  { type: 'image/vnd.dwg', begins: ['AC10??\0', 'AC1.??\0', 'AC2.??\0'] },
  { type: 'image/vnd.dxf', names: 'application/dxf drawing/dxf image/dxf', begins: ['AutoCAD Binary DXF'] },
  { type: 'model/vnd.dwf', names: 'drawing/dwf application/dwf', begins: ['(DWF V'] },
  { type: 'model/vnd.dwfx+xps', names: 'model/vnd.dwfx application/vnd.dwfx', ext: '.dwfx', in: 'zip' },
  { type: 'model/step', names: 'application/step application/p21 model/ifc', ext: '.step .stp .p21 .ifc' },
  { type: 'model/iges', names: 'application/iges' },
  { type: 'model/stl', names: 'application/sla application/vnd.ms-pki.stl application/stl' },
  { type: 'model/obj', names: 'application/object' },
  { type: 'application/vnd.autodesk.fbx', names: 'application/x.autodesk.fbx' },
  { type: 'application/vnd.sketchup.skp', ext: '.skp' },
];

export const textFormats: readonly Format[] = [
  { type: 'text/csv', names: 'application/csv text/comma-separated-values' },
  { type: 'text/javascript', names: 'application/ecmascript application/javascript text/ecmascript' },
  { type: 'text/javascript', ext: '.js .mjs .cjs' },
  { type: 'text/markdown', ext: '.md .markdown .mdown .mkd' },
  { type: 'text/tab-separated-values', names: 'text/tsv', ext: '.tsv .tab' },
  { type: 'text/yaml', names: 'application/yaml', ext: '.yaml .yml' },
  { type: 'application/json', names: 'text/json' },
  { type: 'application/sql', names: 'text/sql' },
  { type: 'application/toml', names: 'text/toml' },
  { type: 'application/xml', names: 'text/xml' },
  // Text of any encoding, under extensions that the registry does not have.
  {
    type: 'text/plain',
    ext: '.abap .adoc .asp .aspx .ass .awk .bas .bib .cbl .cfg .cob .cs .cue .diff .diz .edi .edifact .env .f95 .gcode .go .groovy .hs .inc .inf .jsp .kt .lrc .lst .ltx .mt940 .ngc .patch .po .properties .ps1 .r .rb .sbv .ssa .strings .sty .swift .v .vb .vbs .x12 .zpl',
  },
  // Text whose extension has another, rarer type in the registry, which may be text too.
  { type: 'text/plain', ext: '.ac .dic .es .man .manifest .me .ms .p .rs .sc .src .t .tr' },
  {
    type: 'text/plain',
    also: '.asc .bat .cat .cdf .cmd .com .cu .doc .dot .fnc .hlp .key .mag .mts .mus .nb .nc .org .p12 .pot .prc .pub .rtx .scd .scm .spc .st .ts .vhd .wri',
  },
];

/** Formats that others are written in. */
export type Container = 'zip' | 'ole' | 'rar' | '7z' | 'tar' | 'gzip';

/** One format, as far as `mime-types` and `file-type` do not tell. docs/content-types.md shows how to add one. */
export interface Format {
  /** The standard name. */
  type: string;
  /** Other names that it goes by; `x-` in front of a subtype need not be repeated here. */
  names?: string;
  /** Extensions, which the registry then says nothing about. If rows share one, all are meant, the first row first. */
  ext?: string;
  /** More extensions, beside what the registry says. */
  also?: string;
  /** Names of other formats that it is often claimed to be. */
  called?: string;
  /** First bytes, one character each, any of which are enough to tell it; a question mark is any byte. */
  begins?: readonly string[];
  /** The container of it. It is taken for this format only by name, or if `seen` or src/content-types/container-kinds.ts says so. */
  in?: Container;
  /** Names in the root of a compound file, any of which only this format has; a star stands for any ending. */
  seen?: readonly string[];
  /** No file is of it unless it was recognized inside its container. */
  strict?: true;
}

/** The words of a row's text. */
export const wordsOf = (text = ''): string[] => text.split(' ').filter((word) => word !== '');
