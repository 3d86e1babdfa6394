/** Which files are videos or sound, how one is chosen, and the languages a transcriber is told. */
const MEDIA =
  /\.(mp4|m4v|mov|mkv|webm|avi|flv|mpe?g|ts|wmv|mp3|m4a|aac|wav|ogg|oga|opus|flac|aiff?|caf)$/i

export const isMedia = (file: { readonly name: string; readonly type: string }): boolean =>
  /^(video|audio)\//.test(file.type) || MEDIA.test(file.name)

/** "talk.mp4" -> "talk.vtt" */
export const captionsName = (name: string): string => `${name.replace(/\.[^.]*$/, '') || name}.vtt`

/** Null when the person closed the dialog. Must follow a user action. */
export function chooseMedia(): Promise<File | null> {
  return new Promise((resolve) => {
    const input = document.createElement('input')
    input.type = 'file'
    input.accept = 'video/*,audio/*,.mkv,.flac,.caf'
    input.addEventListener('change', () => resolve(input.files?.[0] ?? null), { once: true })
    input.addEventListener('cancel', () => resolve(null), { once: true })
    input.click()
  })
}

/** Of Whisper's hundred the most asked for; "" lets it find out. */
export const LANGUAGES: readonly (readonly [code: string, name: string])[] = [
  ['', 'Detect it'],
  ...(
    'ar Arabic,bn Bengali,bg Bulgarian,ca Catalan,zh Chinese,hr Croatian,cs Czech,da Danish,' +
    'nl Dutch,en English,et Estonian,fi Finnish,fr French,de German,el Greek,he Hebrew,hi Hindi,' +
    'hu Hungarian,id Indonesian,it Italian,ja Japanese,ko Korean,lv Latvian,lt Lithuanian,' +
    'ms Malay,no Norwegian,fa Persian,pl Polish,pt Portuguese,ro Romanian,ru Russian,sr Serbian,' +
    'sk Slovak,sl Slovenian,es Spanish,sv Swedish,ta Tamil,th Thai,tr Turkish,uk Ukrainian,' +
    'ur Urdu,vi Vietnamese,cy Welsh'
  )
    .split(',')
    .map((row): [string, string] => [row.slice(0, 2), row.slice(3)]),
]
