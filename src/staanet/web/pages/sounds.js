// Listening: one sound plays at a time, and another one goes on at the same position.

import { make } from "./dom.js";

export class Sounds {
  constructor(list, redraw) {
    Object.assign(this, { list, redraw, players: [], current: null });
  }

  /** Offer sounds: each has a name, an address, and a line that says what it is. */
  offer(sounds) {
    this.stop();
    this.players = sounds.map(({ name, source, about }) => {
      const audio = make("audio", { preload: "auto", src: source });
      const button = make("button", { type: "button", "aria-pressed": "false" },
        make("span", { className: "icon", "aria-hidden": "true" }),
        make("span", {}, make("b", {}, name), make("small", {}, about)));
      button.addEventListener("click", () => (audio.paused ? this.play(audio) : audio.pause()));
      audio.addEventListener("play", () => button.setAttribute("aria-pressed", "true"));
      for (const end of ["pause", "ended"]) audio.addEventListener(end, () => button.setAttribute("aria-pressed", "false"));
      return { audio, button };
    });
    this.list.replaceChildren(...this.players.map(({ audio, button }) => make("li", {}, button, audio)));
  }

  play(audio) {
    const before = this.current;
    const position = before && !before.paused && !before.ended ? before.currentTime : null;
    for (const { audio: other } of this.players) if (other !== audio) other.pause();
    if (position !== null) audio.currentTime = position;
    this.current = audio;
    audio.play();
    this.follow();
  }

  follow() {
    this.redraw();
    if (this.current && !this.current.paused) requestAnimationFrame(() => this.follow());
  }

  /** Seconds from the beginning of what plays, or null. */
  position() {
    return this.current && !this.current.ended && this.current.currentTime > 0 ? this.current.currentTime : null;
  }

  stop() {
    for (const { audio } of this.players) {
      audio.pause();
      audio.removeAttribute("src");
      audio.load();
    }
    this.current = null;
  }
}
