/** "Export the video": with the captions as they are now, in the picture or as a track. */
import { useEffect, useState } from 'react'
import type { RenderOptions } from '../../jobs/client'
import { openers } from '../../shell/openers'
import { useApp, useEditor } from '../../shell/use'
import { ChoiceRow, JobDialog, JobFoot, SelectRow, useVideoDialog, VideoRow } from './dialog'

export function ExportDialog() {
  const { jobs } = useApp()
  const of = useVideoDialog()
  const { video, setFile, open, close } = of
  const empty = useEditor((state) => !state.history?.present.cues.length)
  const [options, setOptions] = useState<RenderOptions>({
    mode: 'burn-in',
    container: 'mp4',
    preset: 'balanced',
    size: 'medium',
  })
  const set = (patch: Partial<RenderOptions>) => setOptions({ ...options, ...patch })
  useEffect(() => {
    openers.exportVideo = () => open()
    return () => {
      delete openers.exportVideo
    }
  })
  // A track leaves the picture as it is, unless the file does not take that: WebM takes few.
  const encodes = options.mode === 'burn-in' || options.container === 'webm'
  const ready =
    !empty && video !== null && !(video instanceof File && jobs.fileProblem('render', video))
  return (
    <JobDialog of={of} kind="render" title="Export the video">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (!video || !ready) return
          close()
          void jobs.render(video, options)
        }}
      >
        <VideoRow kind="render" video={video} onChoose={setFile} />
        <ChoiceRow<RenderOptions['mode']>
          label="Captions"
          name="mode"
          value={options.mode}
          onChange={(mode) => set({ mode })}
          options={[
            ['burn-in', 'in the picture: everyone sees them'],
            ['soft', 'as a track: they can be switched off'],
          ]}
        />
        {options.mode === 'burn-in' && (
          <SelectRow<RenderOptions['size']>
            label="Letters"
            value={options.size}
            onChange={(size) => set({ size })}
            options={[
              ['small', 'Small'],
              ['medium', 'Medium'],
              ['large', 'Large'],
            ]}
          />
        )}
        <SelectRow<RenderOptions['container']>
          label="File"
          value={options.container}
          onChange={(container) => set({ container })}
          options={[
            ['mp4', 'MP4: plays nearly everywhere'],
            ['mkv', 'Matroska'],
            ['webm', 'WebM: for web pages'],
          ]}
        />
        {encodes && (
          <SelectRow<RenderOptions['preset']>
            label="Encoding"
            value={options.preset}
            onChange={(preset) => set({ preset })}
            options={[
              ['fast', 'Fast, a larger file'],
              ['balanced', 'Balanced'],
              ['small', 'Slow, a small file'],
            ]}
          />
        )}
        {empty && <p className="job-problem">There is no caption to export yet.</p>}
        <JobFoot submit="Export" first={!!video} ready={ready} onCancel={close} />
      </form>
    </JobDialog>
  )
}
