// What the playground does, as code that does the same.

const KEY = "SPARK_AVATAR_API_KEY";
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function snippets({ origin, model, image, audio, options }) {
  const body = { model, input: [{ params: { image_url: image, audio_url: audio, ...options } }] };
  const flags = Object.entries(options).map(([name, value]) => ` --${name.replaceAll("_", "-")}${value === true ? "" : ` ${quoted(String(value))}`}`);
  const python = JSON.stringify(body, null, 4).replace(/: true/g, ": True").replace(/: false/g, ": False");
  return {
    curl: `# Make a key on the page "API keys", and put it here.
export ${KEY}=sk-spark-...

curl ${origin}/model/v1/generation \\
  -H "Authorization: Bearer $${KEY}" \\
  -H "Content-Type: application/json" \\
  -d ${quoted(JSON.stringify(body, null, 2))}

# The answer holds the task's id. Ask until its status is "completed":
curl ${origin}/model/v1/generation/task/TASK_ID \\
  -H "Authorization: Bearer $${KEY}"
`,
    python: `import os
import time

import httpx

client = httpx.Client(
    base_url="${origin}",
    headers={"Authorization": f"Bearer {os.environ['${KEY}']}"},
    timeout=60,
)
body = ${python}
task = client.post("/model/v1/generation", json=body).raise_for_status().json()
while task["status"] == "in_progress":
    time.sleep(1)
    task = client.get(f"/model/v1/generation/task/{task['id']}").raise_for_status().json()
if task["status"] == "failed":
    raise SystemExit(task["error"]["message"])
print(task["output"][0]["content"][0]["url"])
`,
    cli: `# Renders here, without a server.
spark-avatar render portrait.jpg speech.wav -o video.mp4${flags.join("")}
`,
  };
}
