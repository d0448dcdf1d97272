// Questions to the workbench. Every failure becomes an Error whose message is a sentence for the page.

const HEADERS = { "x-staanet": "1" };
const LOST = "The workbench does not answer. Is it still running in the terminal?";

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { ...HEADERS, ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(LOST);
  }
  if (!response.ok) {
    const text = await response.text();
    let message = text;
    try { message = JSON.parse(text).error; } catch { /* plain text */ }
    throw new Error(message || `The workbench answered with status ${response.status}.`);
  }
  return response;
}

const json = async (path, options) => (await ask(path, options)).json();

export const start = () => json("/api/start");

export const send = (file) =>
  json(`/api/clips?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });

export const floats = async (job, name) =>
  new Float32Array(await (await ask(address(job, name))).arrayBuffer());

export const address = (job, name) => `/api/jobs/${job}/${name}`;

/** Begin a job and wait for its answer; `told` hears how far it is. Returns its id and a promise of the answer. */
export async function work(task, question, told = () => {}) {
  const { job } = await json("/api/jobs", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ task, ...question }),
  });
  const answer = (async () => {
    for (let wait = 60; ; wait = Math.min(400, wait * 1.3)) {
      const about = await json(`/api/jobs/${job}`);
      if (about.state === "done") return about.answer;
      if (about.state === "failed") throw new Error(about.error);
      if (about.state === "cancelled") return null;
      told(about);
      await new Promise((done) => setTimeout(done, wait));
    }
  })();
  return { job, answer };
}

/** Cancel or forget a job or clip; also while the page is closed. */
export const forget = (kind, key) =>
  fetch(`/api/${kind}/${key}`, { method: "DELETE", headers: HEADERS, keepalive: true }).catch(() => {});
