"""What to install for a Python import, where the name differs from the package's."""

_DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "corsheaders": "django-cors-headers",
    "cv2": "opencv-python-headless",
    "crispy_forms": "django-crispy-forms",
    "dateutil": "python-dateutil",
    "debug_toolbar": "django-debug-toolbar",
    "decouple": "python-decouple",
    "dj_database_url": "dj-database-url",
    "django_filters": "django-filter",
    "dotenv": "python-dotenv",
    "environ": "django-environ",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "material": "mkdocs-material",
    "multipart": "python-multipart",
    "MySQLdb": "mysqlclient",
    "PIL": "Pillow",
    "pkg_resources": "setuptools",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "rest_framework": "djangorestframework",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "socketio": "python-socketio",
    "storages": "django-storages",
    "yaml": "PyYAML",
}


def distribution(module: str) -> str:
    """The likely name on the package index."""
    top = module.split(".")[0]
    return _DISTRIBUTIONS.get(top, top.replace("_", "-"))
