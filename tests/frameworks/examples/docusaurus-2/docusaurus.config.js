/** @type {import('@docusaurus/types').Config} */
module.exports = {
  title: "Docusaurus example",
  url: "https://example.com",
  baseUrl: "/",
  presets: [["classic", { docs: { routeBasePath: "/" }, blog: false }]],
};
