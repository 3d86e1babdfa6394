/** "Transcribe a video": which file, which language, and where the captions go. */
import { useEffect, useState } from 'react'
import { plural } from '../../document/format'
import { LANGUAGES } from '../../jobs/media'
import { openers } from '../../shell/openers'
import { useApp, useEditor } from '../../shell/use'
import { ChoiceRow, JobDialog, JobFoot, SelectRow, useVideoDialog, VideoRow } from './dialog'

type Into = 'new' | 'here'

export function TranscribeDialog() {
  const { jobs } = useApp()
  const of = useVideoDialog()
  const { video, setFile, open, close } = of
  const name = useEditor((state) => state.project?.name ?? '')
  const cues = useEditor((state) => (state.readOnly ? null : state.history?.present.cues.length))
  const [language, setLanguage] = useState('')
  const [into, setInto] = useState<Into>('new')
  useEffect(() => {
    openers.transcribe = (file) => {
      setInto('new')
      open(file)
    }
    return () => {
      delete openers.transcribe
    }
  })
  const ready = video !== null && !(video instanceof File && jobs.fileProblem('transcribe', video))
  const here = cues === 0 || (cues !== null && cues !== undefined && into === 'here')
  return (
    <JobDialog of={of} kind="transcribe" title="Transcribe a video">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (!video || !ready) return
          close()
          void jobs.transcribe(video, language, here)
        }}
      >
        <VideoRow kind="transcribe" video={video} onChoose={setFile} />
        <SelectRow label="Language" value={language} options={LANGUAGES} onChange={setLanguage} />
        {cues !== null && cues !== undefined && cues > 0 && (
          <ChoiceRow<Into>
            label="Captions go"
            name="into"
            value={into}
            onChange={setInto}
            options={[
              ['new', `into a new document; ${name} stays under Recent`],
              ['here', `in place of the ${plural(cues, 'cue')} of ${name}; Undo brings them back`],
            ]}
          />
        )}
        <p className="job-note">
          The file is sent to this server. Captions appear as they are heard, and you can edit them
          at once.
        </p>
        <JobFoot submit="Transcribe" first={!!video} ready={ready} onCancel={close} />
      </form>
    </JobDialog>
  )
}
