"""What tools' own configurations say of output, fallback and rendering is read, not run."""

import pytest

from shared.detection.errors import BrokenFile, WrongSetting
from tests.unit.detection.sources import PAGE, package, spec_of, vite

NODE = {"package.json": ""}


@pytest.mark.parametrize(
    ("name", "config", "output"),
    [
        ("vite.config.ts", "export default defineConfig({ build: { outDir: 'out' } })", "out"),
        ("vite.config.mjs", 'export default { "build": { "outDir": `out` } }', "out"),
        ("vite.config.cjs", "module.exports = { build: { outDir: './out/' } };", "out"),
        (
            "vite.config.js",
            "export default defineConfig(({ mode }) => {\n"
            "  const env = loadEnv(mode, process.cwd(), '')\n"
            "  return { plugins: [a({ outDir: 'x' })], build: { outDir: env.X } }\n})",
            "dist",
        ),
        (
            "vite.config.mts",
            "const config: UserConfig = {\n  // build: { outDir: 'no' },\n"
            "  build: { outDir: path.resolve(__dirname, 'site') },\n}\nexport default config",
            "site",
        ),
        ("vite.config.ts", "export default { root: 'app', build: { outDir: '../www' } }", "www"),
        ("vite.config.ts", "export default { root: './app' }", "app/dist"),
        ("vite.config.ts", "export default { build: { outDir: process.env.OUT || 'w' } }", "w"),
        ("vite.config.ts", "const OUT = 'w'\nexport default { build: { outDir: OUT } }", "w"),
        ("vite.config.ts", "export default { re: /outDir: '/g, build: { minify: false } }", "dist"),
    ],
)
def test_the_output_of_vite_is_read_from_its_configuration(
    name: str, config: str, output: str
) -> None:
    spec = spec_of({"package.json": package("vite", build="vite build"), name: config})
    assert spec.output == output


def test_a_computed_output_is_said_to_be_a_guess() -> None:
    spec = spec_of(vite(vite__config__ts="export default { build: { outDir: f(x) + 'y' } }"))
    assert spec.output == "dist"
    assert "computed" in spec.reasons["output"].text


CASES = [
    ("vite", "vite build --outDir=../public/x", {}, None),
    ("vite", "tsc && vite build --outDir www", {}, "www"),
    ("vite", "npm run inner", {}, "inner"),
    ("@vue/cli-service", "vue-cli-service build --dest www", {}, "www"),
    (
        "@vue/cli-service",
        "vue-cli-service build",
        {"vue.config.js": "module.exports = { outputDir: 'w' }"},
        "w",
    ),
    ("react-scripts", "BUILD_PATH=www react-scripts build", {}, "www"),
    (
        "astro",
        "astro check && astro build",
        {"astro.config.mjs": "export default defineConfig({ outDir: './www' })"},
        "www",
    ),
    (
        "next",
        "next build",
        {
            "next.config.ts": "const nextConfig: NextConfig = { output: 'export', distDir: 'w' }\n"
            "export default nextConfig"
        },
        "w",
    ),
    ("next", "next build && next export -o site", {}, "site"),
    (
        "nuxt",
        "nuxt build",
        {"nuxt.config.ts": "export default defineNuxtConfig({ ssr: false })"},
        ".output/public",
    ),
    ("nuxt", "nuxi generate", {}, ".output/public"),
    ("@docusaurus/core", "docusaurus build --out-dir www", {}, "www"),
    (
        "vitepress",
        "vitepress build",
        {".vitepress/config.ts": "export default {}"},
        ".vitepress/dist",
    ),
    (
        "vitepress",
        "vitepress build site",
        {"site/.vitepress/config.mts": "export default defineConfig({ outDir: '../www' })"},
        "www",
    ),
    ("vuepress", "vuepress build src", {}, "src/.vuepress/dist"),
    (
        "vuepress",
        "vuepress build src",
        {
            "src/.vuepress/config.ts": "export default {"
            " dest: path.resolve(__dirname, '../../www') }"
        },
        "www",
    ),
    ("@11ty/eleventy", "npx @11ty/eleventy --output=www", {}, "www"),
    (
        "@11ty/eleventy",
        "eleventy",
        {
            ".eleventy.js": "module.exports = function (c) { c.addFilter('x', () => {}); "
            "return { dir: { output: 'w' } } }"
        },
        "w",
    ),
    (
        "@11ty/eleventy",
        "eleventy",
        {"eleventy.config.js": "export default (c) => { c.setOutputDirectory('www'); }"},
        "www",
    ),
    (
        "hexo",
        "hexo generate",
        {"_config.yml": "title: x\npublic_dir: www\nx: !!js/function 'y'\n"},
        "www",
    ),
    ("ember-source", "ember build --output-path www", {}, "www"),
    ("storybook", "storybook build -o www", {}, "www"),
    ("parcel", "parcel build src/index.html --dist-dir www", {}, "www"),
    (
        "@sveltejs/kit",
        "vite build",
        {
            "svelte.config.js": "import adapter from '@sveltejs/adapter-static';\n"
            "export default { kit: { adapter: adapter({ pages: 'www' }) } }"
        },
        "www",
    ),
    (
        "@sveltejs/kit",
        "vite build",
        {
            "vite.config.ts": "import a from '@sveltejs/adapter-static';\n"
            "export default defineConfig({ plugins: [sveltekit({ adapter: a({ pages: 'w' }) })] })"
        },
        "w",
    ),
    (
        "@react-router/dev",
        "react-router build",
        {
            "react-router.config.ts": "export default {"
            " ssr: false, buildDirectory: 'b' } satisfies Config"
        },
        "b/client",
    ),
]


@pytest.mark.parametrize(("name", "build", "files", "output"), CASES)
def test_the_output_of_tools_is_read_from_scripts_and_configurations(
    name: str, build: str, files: dict[str, str], output: str | None
) -> None:
    scripts = {"inner": "vite build --outDir inner"}
    sources = {"package.json": package(name, build=build, scripts=scripts), "index.html": PAGE}
    if output is None:
        with pytest.raises(WrongSetting, match="outside of the source"):
            spec_of(sources | files)
        return
    spec = spec_of(sources | files)
    assert (spec.kind, spec.output) == ("static", output)


ANGULAR = """{{ // comments are allowed, and trailing commas
  "projects": {{ "shop": {{ "projectType": "application", "architect": {{ "build": {{
    "builder": "{builder}", "options": {{ {options} }}, }} }} }},
    "lib": {{ "projectType": "library" }} }}, }}"""


@pytest.mark.parametrize(
    ("builder", "options", "kind", "output"),
    [
        ("@angular-devkit/build-angular:browser", '"outputPath": "dist/a"', "static", "dist/a"),
        ("@angular-devkit/build-angular:application", '"outputPath": "o"', "static", "o/browser"),
        ("@angular/build:application", "", "static", "dist/shop/browser"),
        ("@angular/build:application", '"outputPath": {"base": "o", "browser": ""}', "static", "o"),
        ("@angular/build:application", '"outputMode": "static"', "static", "dist/shop/browser"),
        ("@angular/build:application", '"ssr": {"entry": "s.ts"}', "dynamic", None),
        ("@angular/build:application", '"outputMode": "server", "ssr": true', "dynamic", None),
    ],
)
def test_angular_says_in_its_workspace_file_what_comes_out(
    builder: str, options: str, kind: str, output: str | None
) -> None:
    files = {
        "package.json": package("@angular/core", "@angular/cli", build="ng build"),
        "angular.json": ANGULAR.format(builder=builder, options=options),
    }
    spec = spec_of(files)
    assert (spec.framework, spec.kind, spec.output) == ("angular", kind, output)
    if kind == "dynamic":
        assert spec.start == "node dist/shop/server/server.mjs"


HASHING = """{{ "projects": {{ "shop": {{ "architect": {{ "build": {{
    "builder": "@angular/build:{builder}", "options": {{}}, "defaultConfiguration": "production",
    "configurations": {{ "production": {{ "outputHashing": "{hashing}" }}, "plain": {{}} }}
    }} }} }} }} }}"""


@pytest.mark.parametrize(
    ("builder", "hashing", "build", "files", "kept"),
    [
        ("application", "all", "ng build", {}, {"/main-*.js", "/styles-*.css", "/media/*"}),
        ("application", "bundles", "ng build", {}, {"/main-*.js", "/styles-*.css"}),
        ("application", "media", "ng build", {}, {"/media/*"}),
        ("application", "none", "ng build", {}, set()),
        ("application", "all", "ng build --configuration plain", {}, set()),
        ("application", "all", "ng build -c=plain", {}, set()),
        ("browser", "all", "ng build", {}, set()),
        (
            "application",
            "all",
            "ng build",
            {"public/main-menu.js": "", "public/media/a.png": ""},
            {"/styles-*.css"},
        ),
    ],
)
def test_angular_keeps_for_ever_what_it_names_by_its_content(
    builder: str, hashing: str, build: str, files: dict[str, str], kept: set[str]
) -> None:
    spec = spec_of(
        {
            "package.json": package("@angular/core", "@angular/cli", build=build),
            "angular.json": HASHING.format(builder=builder, hashing=hashing),
            **files,
        }
    )
    found = {rule.path for rule in spec.cache if rule.policy == "immutable"}
    assert found & {"/main-*.js", "/styles-*.css", "/media/*"} == kept


SERVERS = [
    ("next", "next build", {}, "nextjs", "node_modules/.bin/next start -H 0.0.0.0 -p $PORT"),
    (
        "next",
        "next build",
        {"next.config.js": "module.exports = { output: 'standalone' }"},
        "nextjs",
        "HOSTNAME=0.0.0.0 node .next/standalone/server.js",
    ),
    ("nuxt", "nuxt build", {}, "nuxtjs", "node .output/server/index.mjs"),
    (
        "@sveltejs/kit",
        "vite build",
        {
            "svelte.config.js": "import adapter from '@sveltejs/adapter-node';\n"
            "export default { kit: { adapter: adapter({ out: 'srv' }) } }"
        },
        "sveltekit-1",
        "PROTOCOL_HEADER=x-forwarded-proto node srv",
    ),
    (
        "@sveltejs/kit",
        "vite build",
        {
            "svelte.config.js": "import adapter from '@sveltejs/adapter-auto';\n"
            "export default { kit: { adapter: adapter() } }"
        },
        "sveltekit-1",
        "PROTOCOL_HEADER=x-forwarded-proto node build",
    ),
    (
        "astro",
        "astro build",
        {
            "astro.config.mjs": "import node from '@astrojs/node';\n"
            "export default defineConfig({ output: 'server', adapter: node({ "
            "mode: 'standalone' }) })"
        },
        "astro",
        "HOST=0.0.0.0 node ./dist/server/entry.mjs",
    ),
    (
        "astro",
        "astro build",
        {
            "astro.config.mjs": "import node from '@astrojs/node';\n"
            "export default defineConfig({ adapter: node() })",
            "src/pages/api.ts": "export const prerender = false;\n",
        },
        "astro",
        "HOST=0.0.0.0 node ./dist/server/entry.mjs",
    ),
    (
        "@react-router/dev",
        "react-router build",
        {
            "package.json": package(
                "@react-router/dev", "@react-router/serve", build="react-router build"
            )
        },
        "react-router",
        "node_modules/.bin/react-router-serve ./build/server/index.js",
    ),
]


@pytest.mark.parametrize(("name", "build", "files", "slug", "start"), SERVERS)
def test_what_renders_on_a_server_is_dynamic(
    name: str, build: str, files: dict[str, str], slug: str, start: str | None
) -> None:
    spec = spec_of({"package.json": package(name, build=build)} | files)
    assert (spec.framework, spec.kind, spec.start) == (slug, "dynamic", start)
    assert spec.output is None
    assert spec.reasons["kind"].text
    assert start is not None or any("Next: use" in warning for warning in spec.warnings)


def test_an_adapter_alone_leaves_astro_static() -> None:
    config = "import node from '@astrojs/node';\nexport default defineConfig({ adapter: node() })"
    pages = {"src/pages/index.astro": "---\nexport const prerender = true;\n---\n"}
    files = {"package.json": package("astro", build="astro build"), "astro.config.ts": config}
    assert spec_of(files | pages).kind == "static"


@pytest.mark.parametrize(
    ("files", "fallback"),
    [
        ({}, "/index.html"),
        ({"public/404.html": PAGE}, None),
        ({"vite.config.ts": "export default { appType: 'mpa' }"}, None),
        (
            {
                "vite.config.ts": "export default { build: { rollupOptions: { input: {"
                " main: resolve(__dirname, 'index.html'), about: 'about.html' } } } }"
            },
            None,
        ),
        ({"package.json": package("vite", "vue-router"), "public/404.html": PAGE}, "/index.html"),
    ],
)
def test_the_fallback_of_vite_depends_on_who_routes(
    files: dict[str, str], fallback: str | None
) -> None:
    spec = spec_of(vite() | files)
    assert spec.fallback == fallback
    assert spec.reasons["fallback"].text


@pytest.mark.parametrize(
    ("files", "paths"),
    [
        ({}, ["/assets/*"]),
        ({"vite.config.ts": "export default { build: { assetsDir: 'static' } }"}, ["/static/*"]),
        ({"public/assets/logo.svg": "<svg/>"}, []),
        (
            {
                "vite.config.ts": "export default { build: { rollupOptions: { output: {"
                " entryFileNames: 'assets/[name].js' } } } }"
            },
            [],
        ),
    ],
)
def test_only_a_folder_of_hashed_names_is_kept_for_ever(
    files: dict[str, str], paths: list[str]
) -> None:
    spec = spec_of(vite() | files)
    assert [rule.path for rule in spec.cache] == paths


def test_a_base_below_the_top_is_warned_of() -> None:
    spec = spec_of(vite(vite__config__ts="export default { base: '/shop/' }"))
    assert any("/shop/" in warning for warning in spec.warnings)
    assert spec_of(vite(vite__config__ts="export default { base: './' }")).warnings == ()


@pytest.mark.parametrize("text", ["{", "[]", "{" + '"a":{' * 5000, '{"a": 1}}'])
def test_broken_configurations_name_the_file(text: str) -> None:
    files = {"package.json": package("@angular/cli", build="ng build"), "angular.json": text}
    with pytest.raises(BrokenFile, match=r"angular\.json cannot be read"):
        spec_of(files)


@pytest.mark.parametrize(
    "text",
    ["{" * 9000, "f(" * 9000, "({a:" * 9000, "`" * 99, "/[" * 9000, "export default {{", "\0", "'"],
)
def test_a_hostile_script_is_read_without_harm(text: str) -> None:
    """Nothing runs and nothing overflows: what cannot be read leaves the defaults."""
    assert spec_of(vite(vite__config__js=text)).output == "dist"


@pytest.mark.parametrize("unit", ["[", "{a: ", "- ", "? ", "&a [*a,", "a: !x [", '"', "\t"])
def test_hostile_yaml_is_refused_and_ends_no_process(unit: str) -> None:
    """Brackets without end overflow the stack of a reader in C."""
    with pytest.raises(BrokenFile, match=r"mkdocs\.yml cannot be read"):
        spec_of({"mkdocs.yml": unit * 20_000})


def test_scripts_that_call_each_other_without_end_are_followed_for_a_while() -> None:
    scripts = {f"s{n}": " && ".join(f"npm run s{m}" for m in range(30)) for n in range(30)}
    files = {"package.json": package("vite", build="npm run s1", scripts=scripts)}
    assert spec_of(files | {"index.html": PAGE}).framework == "vite"
