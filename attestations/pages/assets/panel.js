// What the visitor sees of the proof check. Text nodes only: nothing here can become markup.
"use strict";

(() => {
  const STATES = {
    proven: "Proven",
    failed: "Failed",
    unchecked: "Could not be checked",
    skipped: "Not looked at",
    unpinned: "Not checked yet",
    waiting: "Not checked yet",
  };
  const HEADLINES = {
    proven: "this entry is in the log that the pinned key signs",
    failed: "do not believe what is shown; keep it as evidence and ask the log's operator",
    unchecked: "not everything could be looked at, so nothing is proven",
    unpinned: "pin the log's key first",
    waiting: "choose a receipt",
  };
  const HIDDEN = /[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
  const MAX_SHOWN = 300;

  /** Write out what does not show or turns the direction of other text, and cut what is long. */
  function visible(text) {
    const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
    return cut.replace(HIDDEN, (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  }

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children.map((one) => (typeof one === "string" ? visible(one) : one)));
    return made;
  }

  function stepList(steps) {
    const rows = steps.map(({ title, state, says }) =>
      element("li", { "data-state": state }, element("strong", {}, `${title}: ${STATES[state]}`), ` – ${says}`),
    );
    return element("ol", { class: "proof-steps" }, ...rows);
  }

  function eventList(event) {
    const rows = Object.entries(event).flatMap(([name, value]) => [
      element("dt", {}, name),
      element("dd", {}, element("code", {}, String(value) || "(empty)")),
    ]);
    return element("dl", { class: "proof-event" }, ...rows);
  }

  function fileInput(id, label, choose) {
    const input = element("input", { id, type: "file" });
    input.addEventListener("change", () => choose([...input.files]));
    return element("p", {}, element("label", { for: id }, label), " ", input);
  }

  /** The part of a page that shows the check; one a page. */
  class Panel {
    constructor(section) {
      this.section = section;
      this.pending = 0;
      this.headline = element("p", { class: "proof-state", role: "status", tabindex: "-1" });
      this.output = element("div", { class: "proof-output" });
      section.append(this.headline, this.output);
    }

    /** Say that the answer is not the last word until `work()` has ended. */
    async during(work) {
      this.pending += 1;
      this.section.setAttribute("aria-busy", "true");
      try {
        return await work();
      } finally {
        this.pending -= 1;
        this.section.setAttribute("aria-busy", String(this.pending > 0));
      }
    }

    focus() {
      this.headline.focus();
    }

    show(state, ...parts) {
      this.headline.dataset.state = state;
      this.headline.replaceChildren(element("strong", {}, STATES[state]), ` – ${HEADLINES[state]}`);
      this.output.replaceChildren(...parts);
    }

    /** Show why there is no answer at all. */
    showProblem(message) {
      this.show("unchecked", element("p", {}, message));
    }

    /** Show each step and what was proven; `claimed` says which other key the page names, if it does. */
    showResult({ steps, state, event }, claimed, isLasting, forget) {
      const says = (text) => element("p", {}, text);
      const parts = [stepList(steps)];
      if (claimed) parts.push(says(`${claimed} You pinned another: only the log's operator can tell which is his.`));
      if (event && state !== "failed") parts.push(eventList(event));
      if (!isLasting) parts.push(says("This browser keeps nothing here: the key counts until the page is closed."));
      parts.push(says("Not looked at here: the signature of the claim itself, revocations, and witnesses."));
      const button = element("button", { type: "button" }, "Forget the pinned key and what was seen");
      button.addEventListener("click", () => this.during(forget));
      this.show(state, ...parts, button);
      const isPart = state === "proven" && steps.some((one) => one.state === "skipped");
      if (isPart) this.headline.append("; its history was not compared");
    }

    /** Ask for the key; `pin(text)` throws when it is none. */
    showForm(claimed, pin) {
      const attributes = { rows: "3", required: "", spellcheck: "false", autocomplete: "off" };
      const input = element("textarea", { id: "proof-vkey", ...attributes });
      const problem = element("p", { role: "alert" });
      const label = element("label", { for: "proof-vkey" }, "The log's key, as its operator gave it to you");
      const button = element("button", { type: "submit" }, "Pin this key");
      const form = element("form", { class: "proof-form" }, label, input, problem, button);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const complain = (error) => problem.replaceChildren(visible(error.message));
        this.during(() => pin(input.value.trim()).catch(complain));
      });
      const warning =
        "Who changes a log shows his own key, so no key on this page proves anything. Ask the operator for the key " +
        "by another way, and paste it here: this browser keeps it for this site.";
      this.show("unpinned", ...(claimed ? [element("p", {}, claimed)] : []), element("p", {}, warning), form);
    }

    /** Offer to choose or drop files, which `take(files)` gets. */
    offerFiles(take) {
      const choose = (files) => this.during(() => take(files));
      const inputs = [
        fileInput("proof-receipt", "Receipt (.tlog-proof, model.receipt)", choose),
        fileInput("proof-entry", "Entry, if the receipt does not hold it (.json)", choose),
      ];
      const hint = element("p", {}, "Files may also be dropped here; they stay in this browser.");
      this.headline.before(element("div", { class: "proof-form" }, ...inputs, hint));
      this.section.addEventListener("dragover", (event) => event.preventDefault());
      this.section.addEventListener("drop", (event) => {
        event.preventDefault();
        choose([...event.dataTransfer.files]);
      });
    }
  }

  globalThis.weightmarkPanel = Object.freeze({ Panel });
})();
