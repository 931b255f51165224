// What a filter's schema says of a setting's value. The server has the last word.

/** What is wrong with `value`, or an empty text. */
export function problem(schema, value, isRequired) {
  if (value === null) {
    return isRequired ? "It is needed." : "";
  }
  if (typeof value === "number") {
    return ofNumber(schema, value);
  }
  return typeof value === "string" ? ofText(schema, value) : "";
}

function ofNumber(schema, value) {
  const isWhole =
    [schema.type].flat().includes("integer") && ![schema.type].flat().includes("number");
  const limits = [
    [isWhole && !Number.isInteger(value), "It is a whole number."],
    [value < schema.minimum, `It is at least ${schema.minimum}.`],
    [value > schema.maximum, `It is at most ${schema.maximum}.`],
    [value <= schema.exclusiveMinimum, `It is more than ${schema.exclusiveMinimum}.`],
    [value >= schema.exclusiveMaximum, `It is less than ${schema.exclusiveMaximum}.`],
  ];
  return limits.find(([isBroken]) => isBroken)?.[1] ?? "";
}

function ofText(schema, value) {
  const length = [...value].length;
  const limits = [
    [length < schema.minLength, `It has at least ${schema.minLength} characters.`],
    [length > schema.maxLength, `It has at most ${schema.maxLength} characters.`],
    [schema.pattern && !fits(schema.pattern, value), form(schema.examples)],
  ];
  return limits.find(([isBroken]) => isBroken)?.[1] ?? "";
}

/** A pattern says nothing to people; its examples do. */
function form(examples = []) {
  const quoted = examples
    .filter((example) => typeof example === "string")
    .map((example) => `\`${example}\``);
  const last = quoted.pop();
  if (!last) {
    return "It has not the form that the filter asks for.";
  }
  return `It is written like ${quoted.length > 0 ? `${quoted.join(", ")} or ${last}` : last}.`;
}

function fits(pattern, value) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    // Not all patterns are JavaScript's; then the server judges.
    return true;
  }
}
