"""Asks for one picture as people do, and writes its bytes: picture.py CLIENT BASE_URL FILE [KEY] [RETRIES] [TIMEOUT]

CLIENT is openai, google, requests or httpx; KEY an idempotency key, or "-"."""
import base64, sys

given = sys.argv[1:]
client, base, file, key, retries, timeout = given + ["-", "2", "600"][len(given) - 3:]
retries, timeout = int(retries), float(timeout)
headers = {} if key == "-" else {"Idempotency-Key": key}
body = {"model": "nano-banana-pro", "prompt": "a cat", "size": "4096x4096"}


def with_openai():
    import openai
    sdk = openai.OpenAI(base_url=base + "/v1", api_key="callers-own", max_retries=retries, timeout=timeout)
    answer = sdk.images.generate(**body, extra_headers=headers)
    return answer.data[0].b64_json


def with_google():
    from google import genai
    options = {"base_url": base, "headers": headers, "timeout": int(timeout * 1000)}
    if headers:
        # Only by its key a gateway knows that it is the same picture.
        options["retry_options"] = {"attempts": retries + 1}
    sdk = genai.Client(api_key="callers-own", http_options=options)
    answer = sdk.models.generate_content(model="gemini-3-pro-image", contents="a cat", config={
        "response_modalities": ["IMAGE"], "image_config": {"image_size": "4K"}})
    parts = answer.candidates[0].content.parts
    return base64.b64encode(next(part.inline_data.data for part in parts if part.inline_data))


def with_requests():
    import requests
    answer = requests.post(base + "/v1/images/generations", json=body, headers=headers, timeout=(10, timeout))
    answer.raise_for_status()
    return answer.json()["data"][0]["b64_json"]


def with_httpx():
    import httpx
    answer = httpx.post(base + "/v1/images/generations", json=body, headers=headers, timeout=timeout)
    answer.raise_for_status()
    return answer.json()["data"][0]["b64_json"]


picture = {"openai": with_openai, "google": with_google, "requests": with_requests, "httpx": with_httpx}[client]()
with open(file, "wb") as out:
    out.write(base64.b64decode(picture))
