#!/bin/sh
# A worker as server/jobs/job_line.h wants one, for the tests: the input's first line says what it
# does. Speaks the protocol of the real one and writes its two files; transcribes nothing.
read -r what n <&3
i=0
case "$what" in
  ok)
    while [ "$i" -lt "$n" ]; do
      i=$((i + 1))
      echo "{\"segment\":{\"i\":$i,\"text\":\"line $i\"}}"
      echo "{\"progress\":0.$((i * 9 / n))}"
    done
    printf '1\n00:00:00,000 --> 00:00:01,000\n%s lines\n' "$n" >captions.srt
    printf 'WEBVTT\n\n00:00.000 --> 00:01.000\n%s lines\n' "$n" >captions.vtt
    ;;
  slow) # n steps of 0.1 s
    while [ "$i" -lt "$n" ]; do i=$((i + 1)); echo "{\"segment\":{\"i\":$i}}"; sleep 0.1; done
    echo slow >captions.srt
    echo slow >captions.vtt
    ;;
  big) # n MB, most of them a hole
    echo big >captions.vtt
    truncate -s "${n}M" captions.srt
    ;;
  bad) echo '{"error":"no audio stream in the file","again":false}' ;;
  crash) echo 'something broke' >&2; kill -9 $$ ;;
  limits) cat /proc/self/limits >captions.srt; echo x >captions.vtt ;;
  hog) # n MB of memory
    i=$(head -c "${n}M" /dev/zero | tail -c "${n}M" 2>/dev/null | wc -c)
    [ "$i" -ge "$n" ] || { echo '{"error":"no memory for it","again":false}'; exit 0; }
    echo "$i" | tee captions.srt >captions.vtt
    ;;
  fat) # a file of n MB
    echo x >captions.vtt
    head -c "${n}M" /dev/zero >captions.srt || echo '{"error":"no room for it","again":false}'
    ;;
  keeps) echo a piece >kept/piece; [ -z "$n" ] || sleep 60; kill -9 $$ ;; # and n: after a minute
  deaf) trap '' TERM; sleep 60 & wait; sleep 60 & wait ;; # and a child that holds the pipe
  silent) ;;                                     # ends well, but wrote nothing
  noise) echo 'this is no JSON' ;;
  long) head -c 200000 /dev/zero | tr '\0' x ;;
  look) # what can be seen and done from here
    ls / | tr '\n' ' ' >captions.srt
    touch /usr/x 2>/dev/null && rm /usr/x && echo 'wrote outside' >>captions.srt
    grep NoNewPrivs /proc/self/status >>captions.srt
    { cat /etc/passwd || echo 'no passwd'; } >captions.vtt 2>/dev/null
    env | grep -q SECRET && echo '{"error":"it has the environment"}'
    ls /proc/self/fd | wc -l >&2
    ;;
esac
exit 0
