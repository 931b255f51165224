/** Lines for the server's log. */
declare var console: {
  debug(...values: unknown[]): void;
  log(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};

interface CallSite {
  getFileName(): string | null;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
}
interface ErrorConstructor {
  /** Called for each exception; what it gives is its `stack`. */
  prepareStackTrace?: (error: Error, calls: CallSite[]) => string;
}
