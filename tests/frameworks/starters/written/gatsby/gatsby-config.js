module.exports = {
  siteMetadata: {
    title: "My site",
    siteUrl: "https://www.example.com",
  },
  plugins: [],
};
