// The gateway's page in a real browser: page.mjs PAGE GATEWAY BROWSER FOLDER
// Asks the gateway for pictures as callers do, looks at the page meanwhile, and leaves screenshots in FOLDER.
// playwright-core is found in LONGHAUL_BROWSER.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(process.env.LONGHAUL_BROWSER + "/");
const { chromium } = require("playwright-core");
const [page_url, gateway, executablePath, folder] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath,
  // It has nobody to talk to but the gateway.
  args: [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
  ],
});
const context = await browser.newContext({ viewport: { width: 1180, height: 900 }, colorScheme: "light" });
const page = await context.newPage();

const complaints = [];
page.on("request", (request) => {
  if (!request.url().startsWith(page_url + "/")) complaints.push(`it asks for ${request.url()}`);
});
page.on("response", (response) => {
  // Of the page's own files; a browser asks for an icon by itself.
  if (response.status() >= 400 && !response.url().endsWith("/favicon.ico")) {
    complaints.push(`${response.url()}: ${response.status()}`);
  }
});
page.on("pageerror", (error) => complaints.push(`a script fails: ${error}`));

/** Asks for a picture, and tells whether it came. */
async function picture(size) {
  const answer = await fetch(`${gateway}/v1/images/generations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "nano-banana-pro", prompt: "the-secret-prompt", size }),
  });
  const { data } = await answer.json();
  return data?.[0]?.b64_json?.length > 0;
}

/** Waits until `met` says so: under the page's own policy no text is run as a script, so that the page is asked from outside. */
async function until(what, met) {
  for (const end = Date.now() + 30_000; !(await met()); await new Promise((soon) => setTimeout(soon, 50))) {
    assert.ok(Date.now() < end, `not in time: ${what}`);
  }
}

const section = (title) => page.locator("section").filter({ has: page.locator("h2", { hasText: title }) });
const shoot = (name) => page.screenshot({ path: join(folder, `gateway-${name}.png`), animations: "disabled" });

/** The luminance of a colour that the browser computed, from 0 to 1. */
function luminance(colour) {
  const parts = colour.match(/\d+(\.\d+)?/g).slice(0, 3).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
}

async function colours() {
  const [background, text] = await page.evaluate(() => {
    const style = getComputedStyle(document.body);
    return [style.backgroundColor, style.color];
  });
  return [luminance(background), luminance(text)];
}

// A call in flight, its end, its money.
await page.goto(page_url + "/");
await section("In flight").getByText("Nothing is in flight.").waitFor();
const first = picture("4096x4096");
const running = section("In flight").locator("tbody tr");
await running.waitFor();
const row = (await running.innerText()).split("\t").map((cell) => cell.trim());
assert.ok(row.includes("nano-banana-pro") && row.includes("K4"), `the call in flight: ${row}`);
await until("its phase is shown", async () => /\b(Write|Head|Body)\b/.test(await running.innerText()));
const meters = () => page.locator("section meter").evaluateAll((meters) => meters.map((meter) => meter.value));
const [before] = await meters();
await until("its time goes on", async () => (await meters())[0] > before);
assert.ok(await first, "the picture came");
await section("In flight").getByText("Nothing is in flight.").waitFor();
const ended = section("Last calls").locator("tbody tr").first();
await ended.getByText("Delivered").waitFor();
assert.match(await ended.innerText(), /K4[^]*0\.24 USD/, "what it cost");
await section("Money by day").getByText("0.24 USD").first().waitFor();

// All of one operation, and back.
await ended.locator("a").click();
await page.getByText("Attempt 1").waitFor();
assert.match(await page.locator("main").innerText(), /charged for certain\s+0\.24 USD/);
await page.getByRole("link", { name: "calls" }).click();
await section("Last calls").waitFor();

// A day's worth of endings, and two calls in flight.
for (const size of ["1024x1024", "2048x2048", "4096x4096", "1024x1024", "2048x2048"]) await picture(size);
const last = [picture("4096x4096"), picture("2048x2048")];
await until("both are in flight", async () => (await meters()).length === 2);
await shoot("light");
const aslant = await page.locator("table.rows").evaluateAll((tables) => tables.flatMap((table) => {
  const cells = [...table.querySelectorAll("tbody tr:first-child td")].map((cell) => getComputedStyle(cell).textAlign);
  const headings = [...table.querySelectorAll("th")];
  return headings.filter((heading, at) => getComputedStyle(heading).textAlign !== cells[at]).map((heading) => heading.textContent);
}));
assert.deepEqual(aslant, [], "headings that do not stand as their columns do");
const [paper, ink] = await colours();
assert.ok(paper > 0.8 && ink < 0.1, `light: ${paper} and ${ink}`);
await page.emulateMedia({ colorScheme: "dark" });
const [night, chalk] = await colours();
assert.ok(night < 0.05 && chalk > 0.6, `dark: ${night} and ${chalk}`);
await shoot("dark");

// On a phone nothing stands out at the side, and what is in flight is at the top.
await page.setViewportSize({ width: 390, height: 844 });
const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
assert.ok(overflow <= 0, `${overflow} pixels stand out`);
const top = await section("In flight").evaluate((section) => section.getBoundingClientRect().top);
assert.ok(top < 200, `what is in flight begins at ${top}`);
const cut = await page.locator("table.rows td").evaluateAll((cells) =>
  cells.filter((cell) => cell.getBoundingClientRect().right > innerWidth || cell.scrollWidth > cell.clientWidth).map((cell) => cell.outerHTML));
assert.deepEqual(cut, [], "cells that are cut off");
await shoot("phone");
assert.deepEqual(await Promise.all(last), [true, true]);

// It says when the gateway is gone, and when it is back.
const { length } = complaints;
await context.setOffline(true);
await page.getByText("the gateway does not answer").waitFor();
await context.setOffline(false);
await page.locator("#state").getByText("live", { exact: true }).waitFor();
complaints.length = length;

assert.ok(!(await page.content()).includes("the-secret-prompt"), "no prompt is on it");
assert.deepEqual(complaints, []);
await browser.close();
