// Making elements. Texts are only ever set as text, never as HTML.

/** `properties` that the element doesn't have become attributes. */
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) {
      made[name] = value;
    } else {
      made.setAttribute(name, value);
    }
  }
  made.append(...children);
  return made;
}

/** The foot of a dialog: what was refused, `Close`, and other `buttons`. */
export function dialogFoot(...buttons) {
  return make(
    "div",
    { className: "foot" },
    make("p", { className: "refusal error", role: "alert", hidden: true }),
    make(
      "p",
      { className: "buttons" },
      make("button", { className: "close", type: "button", textContent: "Close" }),
      ...buttons,
    ),
  );
}

/** The module `script`, which few need; `null` if it can't be loaded. */
export async function load(script) {
  try {
    return await import(script);
  } catch {
    advise("A part of this page can't be loaded: load the page again.");
    return null;
  }
}

/** Shows `text`, in which code stands between backticks. */
export function setProse(element, text) {
  if (element.dataset.prose === text) {
    return;
  }
  element.dataset.prose = text;
  const parts = text.split(/`([^`\n]+)`/);
  element.replaceChildren(
    ...parts.map((part, at) => (at % 2 ? make("code", { textContent: part }) : part)),
  );
}

/** Tells people who can't see it what has changed. */
export function announce(text) {
  document.getElementById("announcement").textContent = text;
}

/** Tells people what they can do instead; an empty text takes it back. */
export function advise(text) {
  const advice = document.getElementById("advice");
  advice.hidden = text === "";
  setProse(advice, text);
}
