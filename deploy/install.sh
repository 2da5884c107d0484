#!/bin/sh
# Installs the Debian packages that are missing, and says so.
# Usage: install.sh up [flags of `wherry up`] | install.sh test
set -eu

for_what=${1:-up}
PATH=$PATH:/usr/sbin:/sbin
missing=''

# want COMMAND PACKAGE: note the package when the command is not there.
want() {
  command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

want dockerd docker.io
# Newer releases keep the client in a package of its own.
if apt-cache show docker-cli >/dev/null 2>&1; then want docker docker-cli; fi
want iptables iptables
want busybox busybox-static
want nsenter util-linux
want ip iproute2
want conntrack conntrack
case "$*" in
  test | *etcd*) want etcd etcd-server ;;
esac
if [ "$for_what" = test ]; then
  want kubectl kubernetes-client
  want socat socat
fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "not installed:$missing (as root on Debian this is done for you)" >&2
  # A hollow cluster needs none of them, so this is not the place to give up.
  exit 0
fi
echo "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words, made above
apt-get install -y -qq --no-install-recommends $missing >/dev/null
