export default { title: "Button", render: () => "<button>Storybook example</button>" };

export const Primary = {};
