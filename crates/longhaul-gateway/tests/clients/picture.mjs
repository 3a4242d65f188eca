// Asks for one picture as people do, and writes its bytes: picture.mjs CLIENT BASE_URL FILE [KEY] [RETRIES] [TIMEOUT]
// CLIENT is openai, google or axios; KEY an idempotency key, or "-". Modules are found in LONGHAUL_CLIENTS.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.env.LONGHAUL_CLIENTS + "/");
const [client, base, file, key = "-", retries = "2", timeout = "600"] = process.argv.slice(2);
const headers = key === "-" ? {} : { "Idempotency-Key": key };
const body = { model: "nano-banana-pro", prompt: "a cat", size: "4096x4096" };
const limit = Number(timeout) * 1000;

const clients = {
  async openai() {
    const { OpenAI } = require("openai");
    const sdk = new OpenAI({ baseURL: base + "/v1", apiKey: "callers-own", maxRetries: Number(retries), timeout: limit });
    const answer = await sdk.images.generate(body, { headers });
    return answer.data[0].b64_json;
  },
  async google() {
    const { GoogleGenAI } = require("@google/genai");
    const httpOptions = { baseUrl: base, headers, timeout: limit };
    // Only by its key a gateway knows that it is the same picture.
    if (key !== "-") httpOptions.retryOptions = { attempts: Number(retries) + 1 };
    const sdk = new GoogleGenAI({ apiKey: "callers-own", httpOptions });
    const answer = await sdk.models.generateContent({
      model: "gemini-3-pro-image",
      contents: "a cat",
      config: { responseModalities: ["IMAGE"], imageConfig: { imageSize: "4K" } },
    });
    return answer.candidates[0].content.parts.find((part) => part.inlineData).inlineData.data;
  },
  async axios() {
    const axios = require("axios");
    const answer = await axios.post(base + "/v1/images/generations", body, { headers, timeout: limit });
    return answer.data.data[0].b64_json;
  },
};

writeFileSync(file, Buffer.from(await clients[client](), "base64"));
