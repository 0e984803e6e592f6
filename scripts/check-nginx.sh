#!/usr/bin/env bash
# nginx -t over the template with sample values.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed -e "s|\${ONSALE_HTTP_LISTEN}|127.0.0.1:8099|" -e 's|${ONSALE_UPSTREAMS}|server 127.0.0.1:8081; server 127.0.0.1:8082;|' \
    -e 's|${ONSALE_WATCHED}|server 127.0.0.1:8081 max_fails=0;|' -e 's|${ONSALE_LIMITS}|on|' -e 's|${ONSALE_RATE}|100|' -e 's|${ONSALE_TRACED}|1%|' -e 's|${ONSALE_IDLE}|60s|' -e 's|${ONSALE_REAL_IP}|set_real_ip_from 10.0.0.0/8;|' -e "s|\${ONSALE_NGINX_DIR}|$folder|" \
    -e "s|\${ONSALE_ACCESS_LOG}|$folder/access.log|" -e "s|\${ONSALE_PAGE_DIR}|$folder/page|" nginx.conf > "$folder/nginx.conf"
PATH=$PATH:/usr/sbin nginx -t -q -p "$folder" -c "$folder/nginx.conf" -e stderr
echo "nginx.conf is sound"
