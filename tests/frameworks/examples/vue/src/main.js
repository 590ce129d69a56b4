import { createApp, h } from "vue";

createApp({ render: () => h("h1", "Vue CLI example") }).mount("#app");
