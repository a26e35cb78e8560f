// What the codes of failed tasks mean, and the way out. The task's own message says what was measured.

export const HELP = {
  "003016001": ["There was no portrait", "Give the address of a picture in image_url."],
  "003016002": ["There was no recording", "Give the address of a recording in audio_url."],
  "003016003": ["The portrait's address cannot be used", "Give an http(s) address that is reachable from the Internet, or upload the file."],
  "003016004": ["The recording's address cannot be used", "Give an http(s) address that is reachable from the Internet, or upload the file."],
  "003016011": ["The portrait's file is too large", "Scale the picture down, or save it as JPEG."],
  "003016012": ["The portrait has too many pixels", "Scale it down to 4096 pixels a side or less."],
  "003016013": ["The portrait cannot be read", "Open it in a picture editor and save it anew as JPEG or PNG."],
  "003016014": ["No face was found", "Use a picture of one person, upright and from the front, whose face takes up a good part of it."],
  "003016021": ["The recording is too long", "Cut it, or make several videos."],
  "003016022": ["The recording cannot be read", "Save it anew as WAV, MP3 or M4A."],
  "003016023": ["The recording is silent", "Check the microphone, and record again at a higher level."],
  "003016031": ["Cancelled", "Somebody cancelled this task. Repeat it if you want the video after all."],
  "003016032": ["It took too long", "Shorten the recording, or ask for a lower resolution or frame rate."],
  "003016041": ["The balance did not cover it", "Recharge the account, then repeat the task."],
  "003016042": ["The key's budget did not cover it", "Raise the key's monthly budget, or use another key."],
  "003016095": ["The engine failed", "Repeat the task. If it fails again, tell whoever runs this server the task's id."],
  "003016096": ["A remote engine gave an answer that makes no sense", "Repeat the task. If it fails again, the remote engine needs a look."],
  "003016097": ["A host did not deliver", "Check that the addresses of the inputs open in a browser without signing in, then repeat the task."],
  "003016098": ["A remote engine's job was lost from sight", "Repeat the task. If it fails again, the remote engine needs a look."],
  "003016099": ["The task could not be handed over", "Wait a moment and repeat it."],
};

export const helpFor = (code) => HELP[code] ?? ["The task failed", "Repeat it. If it fails again, tell whoever runs this server the task's id."];
