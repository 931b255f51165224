// Styles of what few people need, loaded with its script.

const loading = new Map();

/** Adds the stylesheet `name`, once; resolves when it is there. */
export function addStylesheet(name) {
  if (!loading.has(name)) {
    loading.set(name, add(new URL(name, import.meta.url).href));
  }
  return loading.get(name);
}

function add(href) {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  return new Promise((resolve, reject) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", () =>
      reject(new Error("the styles can't be loaded: load the page again")),
    );
    document.head.append(link);
  });
}
