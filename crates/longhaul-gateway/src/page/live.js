// Fetches the middle of the page anew every two seconds; says so where the gateway does not answer.
const live = document.getElementById("live");
const state = document.getElementById("state");
async function renew() {
  try {
    const answer = await fetch("live", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    live.innerHTML = await answer.text();
    state.textContent = "live";
    state.className = "";
  } catch {
    state.textContent = "the gateway does not answer";
    state.className = "gone";
  }
}
setInterval(() => { if (!document.hidden) renew(); }, 2000);
