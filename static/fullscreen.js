// Full screen; where the browser has none for elements (iPhone), all of the window.

/** Shows `element` as large as can be. In the window, a button and Escape end it. */
export async function enlarge(element, opener) {
  const ask = element.requestFullscreen ?? element.webkitRequestFullscreen;
  try {
    if (!ask) {
      throw new TypeError("this browser has no full screen");
    }
    await ask.call(element);
  } catch {
    fillWindow(element, opener);
  }
}

function fillWindow(element, opener) {
  const close = document.createElement("button");
  close.type = "button";
  close.className = "leave-window";
  close.textContent = "✕ Close";
  const end = () => {
    document.removeEventListener("keydown", onKey);
    element.classList.remove("fills-window");
    document.body.classList.remove("behind-window");
    close.remove();
    opener.focus();
  };
  const onKey = (event) => {
    if (event.key === "Escape") {
      end();
    } else if (event.key === "Tab") {
      // Nothing else can be seen.
      event.preventDefault();
      close.focus();
    }
  };
  document.addEventListener("keydown", onKey);
  element.classList.add("fills-window");
  document.body.classList.add("behind-window");
  close.addEventListener("click", end);
  element.append(close);
  close.focus();
}
