// How a program uses a key, for copying.

const MODEL = "spark_avatar_picture_omni_v2";

export const keySnippets = (origin) => ({
  curl: `export SPARK_AVATAR_API_KEY=sk-spark-...

curl ${origin}/model/v1/generation \\
  -H "Authorization: Bearer $SPARK_AVATAR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${MODEL}",
       "image_url": "https://example.org/portrait.jpg",
       "audio_url": "https://example.org/speech.wav"}'
`,
  python: `import os
import httpx

client = httpx.Client(
    base_url="${origin}",
    headers={"Authorization": f"Bearer {os.environ['SPARK_AVATAR_API_KEY']}"},
    timeout=330,
)
task = client.post("/model/v1/generation/sync", json={
    "model": "${MODEL}",
    "image_url": "https://example.org/portrait.jpg",
    "audio_url": "https://example.org/speech.wav",
}).raise_for_status().json()
print(task["output"][0]["content"][0]["url"])
`,
  cli: `# On the machine that the server runs on, keys can be made and ended without this page:
spark-avatar keys create --name website
spark-avatar keys list
spark-avatar keys revoke website
`,
});
