import { expect, test } from "vitest";
import { html, table } from "./html.ts";

test("what is put in is escaped, and HTML made the same way is not escaped again", () => {
  const evil = `<script>alert("x")</script> & 'y'`;
  const escaped = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;";
  expect(html`<p title="${evil}">${html`<b>${evil}</b>`}</p>`.text).toBe(`<p title="${escaped}"><b>${escaped}</b></p>`);
  expect(table(["a"], [[evil], [7]]).text).toContain(`<td>${escaped}</td>`);
});
