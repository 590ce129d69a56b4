"""Pages that are rendered while the site is built: exports, prerendering, data at build time."""

from shared.failures.models import Rank, sign

_BROWSER = (
    r"window|document|localStorage|sessionStorage|self|location|history|screen|HTMLElement|"
    r"Element|Node"
    r"|IntersectionObserver|ResizeObserver|MutationObserver|matchMedia|requestAnimationFrame"
    r"|customElements|Image|FileReader|XMLHttpRequest|DOMParser|Audio|indexedDB|getComputedStyle"
    r"|SVGElement|DOMMatrix|MouseEvent|KeyboardEvent|alert|caches|Worker"
)
_PAGE = (
    r"(?:prerender(?:ing)?|export(?:ing)?|rendering|generating) (?:page|route|path)? "
    r"?[\"'`](?P<page>/[^\"'`]*)",
    r"for (?:path|pages?|route) \"(?P<page>/[^\"]*)\"",
)
_BUILD_DATA = (
    r"(?i)pre-?render|generating static|collecting page data|getStaticP|building static html|"
    r"sourceNodes|\[11ty\]|static site generation|optimized production build|vitepress|nuxt|"
    r"generat\w+ (?:pages|routes|site)|loadContent|createPages|buildEnd|building for production"
)

SIGNS = (
    sign(
        "browser-api-in-server-render",
        # Astro puts the message right after the file's name.
        rf"(?:\b|html)[`\"']?(?P<name>{_BROWSER}|navigator)[`\"']? is not (?:defined|available "
        rf"during "
        rf"server)",
        r"(?P<name>localStorage|sessionStorage)\.\w+ is not a function",
        title=(
            'The page {page} uses "{name}" while it is rendered on the server, where it does not '
            "exist.",
            'A page uses "{name}" while it is rendered on the server, where it does not exist.',
        ),
        near=(*_PAGE, r"Export encountered errors|WebpackError: ReferenceError"),
        reach=40,
        tries=(
            "Run that code in the browser only, e.g. in useEffect or onMounted",
            "Leave the component out of server rendering, e.g. dynamic(..., {{ ssr: false }}) or "
            "<ClientOnly>",
        ),
        rank=Rank.CAUSE + 3,
    ),
    sign(
        "browser-api-in-server-render",
        r"Exiting due to prerender errors",
        title="A page failed while it was rendered on the server; most often it uses something "
        "only browsers have.",
        tries=(
            "Move such code into onMounted, or wrap the component in <ClientOnly>",
            'Open the page with "nuxt preview" after "nuxt build" to see its error',
        ),
        near=(r"\[5\d\d\]", r"└── (?:Error: )?\[5\d\d\]"),
        when=r"\[5\d\d\]",
        rank=Rank.WEAK,
    ),
    sign(
        "server-client-boundary",
        r"[Ii]t only works in a Client Component|only works in a [Cc]lient [Cc]omponent",
        r"(?:can only be used|only be (?:called|used)|is only available) in (?:a )?[Cc]lient "
        r"[Cc]omponents?",
        r"importing a component that (?:needs|imports) [`\"']?(?P<name>[\w-]+)",
        r"(?:createContext|useState|useEffect|useReducer|Component) (?:is not a function|only "
        r"works in).*|(?P<name>\w+) (?:is not|isn't) (?:supported|allowed) in (?:React "
        r")?[Ss]erver [Cc]omponents?",
        r"Attempted to call (?P<name>\w+)\(\) from the server but .* is on the client",
        r"Functions cannot be passed directly to Client Components|Event handlers cannot be "
        r"passed to Client Component props|Only plain objects.* can be passed to Client Components",
        r"`?ssr: false`? is not allowed with `?next/dynamic`? in Server Components|You are "
        r"attempting to export \"metadata\" from a component marked with \"use client\"",
        r"'server-only' cannot be imported from a Client Component|This module cannot be imported "
        r"from a (?:Client|Server) Component|Cannot import \S+ into (?:client-side|browser) code",
        title=(
            "{file} uses {name} in a server component.",
            "{file} mixes what runs on the server with what runs in the browser.",
        ),
        near=(
            r"^\W*(?P<file>(?:\./|/)?[\w@./\[\]()-]+\.[jt]sx?)(?::\d+)*\]?$",
            r",-\[(?P<file>[\w@./\[\]()-]+\.[jt]sx?):\d+",
        ),
        tries=(
            "Put \"'use client'\" in the first line of {file}",
            "Move that part into a component of its own",
        ),
        reach=10,
        rank=Rank.SPECIFIC,
    ),
    sign(
        "dynamic-route-static-export",
        r"is missing \"?(?:generateStaticParams|getStaticPaths|exports? "
        r"`?generateStaticParams)\S*\"?.*(?:output|export)?",
        r"(?:couldn't|could not|cannot) be (?:rendered|exported|prerendered) statically because "
        r"it (?:used|uses) [`\"']?(?P<name>[^`\"'.]+)",
        r"cannot be used with \"output: export\"|(?:is not supported|are not supported|not "
        r"(?:available|compatible)|isn't supported) (?:with|in|when using) .*(?:output: "
        r"?[\"']?export|next export|static export)",
        r"(?:all routes must be fully prerenderable|Encountered dynamic routes|The following "
        r"routes were marked as prerenderable, but were not prerendered)",
        r"GetStaticPathsRequired|getStaticPaths\(?\)?`? (?:function )?is required",
        r"getStaticPaths is required for dynamic SSG pages|Pages with `getServerSideProps` can "
        r"not be exported|getServerSideProps.*(?:export|static)",
        r"`?dynamic = [\"']force-dynamic[\"']`?.*(?:output|export)|Page with `dynamic = \"error\"`",
        r"API Routes cannot be (?:used|exported)|Image Optimization using .* is not compatible "
        r"with `?(?:\{ output: 'export' \}|next export)",
        r"(?:Server Actions|Middleware|Rewrites|rewrites, redirects).*(?:not supported|cannot be "
        r"used|will not automatically work).*(?:export|static)",
        r"with `?(?:export const )?dynamic(?:Params)? ?= ?(?:\"|')?(?:true|force-dynamic)|"
        r"DynamicServerError|Dynamic server usage",
        r"(?:The|route) '(?P<page>[^']+)' route (?:uses|contains) parameters?.*(?:prerender|"
        r"getPrerenderParams)|uses prerendering and includes parameters",
        title=(
            "The route {page} is rendered on request, which a static export cannot do.",
            "A page uses {name}, which a static export cannot do.",
        ),
        near=(
            r"(?:[Pp]age|[Rr]oute|export path) \"(?P<page>/[^\"]*)\"",
            r"Encountered dynamic routes|Error occurred prerendering",
        ),
        reach=20,
        tries=(
            "Name the pages to write: generateStaticParams, getStaticPaths, entries() or prerender",
            "Or deploy the project as a server",
        ),
        rank=Rank.CAUSE + 3,
    ),
    sign(
        "build-fetch-failed",
        r"(?:\b|html)fetch failed\b|FetchError:?|AxiosError:?|(?:RequestError|HTTPError|HttpError|"
        r"ConnectError)\b",
        r"request to (?P<url>https?://\S+) failed",
        r"\bconnect ECONNREFUSED (?P<address>\S+:(?!5432|3306|6379|27017|1433|5672|9042|26257)\d+)",
        r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (?P<address>(?!registry\.)[\w.-]+)",
        r"Failed to fetch (?:font|`[^`]+` from Google Fonts|the? ?(?:data|posts|content|pages|"
        r"CMS))",
        r"Unexpected token '?<'?,? .*(?:is not valid JSON|in JSON at position 0)",
        r"threw an error while running the (?:sourceNodes|createPages|onPreBootstrap|"
        r"createResolvers) lifecycle",
        r"(?:status code|responded with|HTTP|bad response):? (?:status )?(?:4\d\d|5\d\d)\b",
        title=(
            "The page {page} loads data from {address} while the site is built, and that failed.",
            "The site loads data from {address} while it is built, and that failed.",
            "The site loads data from {url} while it is built, and that failed.",
            "The page {page} loads data while the site is built, and that failed.",
        ),
        near=(
            *_PAGE,
            r"(?:connect ECONNREFUSED|getaddrinfo \w+|connect ETIMEDOUT) (?P<address>\S+)",
            r"(?P<url>https?://[\w.:-]+[^\s\"')]*)",
        ),
        reach=60,
        tries=(
            "Set the variable with the address to one that can be reached during the build",
            "Load the data on request instead of while the site is built",
        ),
        when=_BUILD_DATA,
        unless=r"^npm (?:ERR!|error) code E|is still timing out|^\[\d/\d\] |Browserslist: .*fetch "
        r"failed",
        phases=("build",),
        rank=Rank.GENERAL + 5,
    ),
)
