#!/bin/sh
# Builds the shop's three images without any registry: Debian packages are downloaded, unpacked
# into a folder (nothing is installed on this machine) and imported into Docker. Needs no root
# image, no debootstrap; a few seconds. Does nothing when the images are there already.
#
#   wherry-shop/web:1    nginx        wherry-shop/api:1    node        wherry-shop/store:1  redis
set -eu

here=$(cd "$(dirname "$0")" && pwd)
docker version >/dev/null 2>&1 || { echo 'Docker does not answer; the shop needs it' >&2; exit 1; }

# The tag says what the image was made from, so that an edit is seen and a second run is quick.
stamp=$(cat "$here/build.sh" "$here/api/server.js" | sha256sum | cut -c1-12)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

is_built() {
  [ "$(docker image inspect --format '{{ index .Config.Labels "wherry.stamp" }}' "$1" 2>/dev/null)" = "$stamp" ]
}

# unpack ROOT PACKAGE...: these packages and every library they depend on.
unpack() {
  root=$1
  shift
  cache=$work/packages-$1
  mkdir -p "$cache/partial" "$root"
  # An empty status file makes apt name the whole closure, not only what this machine lacks.
  apt-get -qq -y --no-install-recommends --download-only -o Dir::State::status=/dev/null \
    -o Dir::Cache::archives="$cache" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
    install "$@" >/dev/null
  for package in "$cache"/*.deb; do
    case $(basename "$package") in
      *perl* | libpam* | libsemanage* | libsepol* | libdb5* | libgdbm*) ;;
      lib* | zlib* | redis* | nginx*) dpkg-deb -x "$package" "$root" ;;
    esac
  done
  rm -rf "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale" "$root/lib/systemd"
}

# finish ROOT: a shell and the few files that programs expect.
finish() {
  mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/var/log/nginx" "$1/var/lib/nginx" "$1/run" "$1/data"
  chmod 1777 "$1/tmp"
  cp "$(command -v busybox)" "$1/bin/busybox"
  busybox --list | while read -r applet; do
    [ -e "$1/bin/$applet" ] || ln -s busybox "$1/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$1/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
}

import() {
  root=$1
  image=$2
  shift 2
  tar -C "$root" --sort=name --numeric-owner -cf - . |
    docker import --change "LABEL wherry.stamp=$stamp" "$@" - "$image" >/dev/null
  echo "built $image"
}

web=wherry-shop/web:1
if ! is_built $web; then
  unpack "$work/web" nginx-light
  finish "$work/web"
  import "$work/web" $web --change 'EXPOSE 80' --change 'CMD ["nginx", "-g", "daemon off;"]' \
    --change 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin'
fi

store=wherry-shop/store:1
if ! is_built $store; then
  unpack "$work/store" redis-server
  finish "$work/store"
  import "$work/store" $store --change 'EXPOSE 6379' --change 'CMD ["redis-server"]' \
    --change 'WORKDIR /data' --change 'ENV PATH=/usr/bin:/bin'
fi

api=wherry-shop/api:1
if ! is_built $api; then
  unpack "$work/api" libc6 libstdc++6
  finish "$work/api"
  mkdir -p "$work/api/usr/bin" "$work/api/app"
  cp "$(readlink -f "$(command -v node)")" "$work/api/usr/bin/node"
  # Some builds of Node link more libraries than the two above: take along what this one needs.
  ldd "$work/api/usr/bin/node" | awk '$3 ~ /^\// { print $3 }' | while read -r library; do
    [ -e "$work/api$library" ] || { mkdir -p "$work/api$(dirname "$library")" && cp "$library" "$work/api$library"; }
  done
  cp "$here/api/server.js" "$work/api/app/server.js"
  import "$work/api" $api --change 'EXPOSE 8080' --change 'CMD ["node", "/app/server.js"]' \
    --change 'ENV PATH=/usr/bin:/bin'
fi
