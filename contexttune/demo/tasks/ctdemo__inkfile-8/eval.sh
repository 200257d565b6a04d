#!/bin/bash
set -uxo pipefail
cd /testbed
git config --global --add safe.directory /testbed
git status
git show
git -c core.fileMode=false diff bfa752eb8d5f254175113b8a452b25626fde6a06
git checkout bfa752eb8d5f254175113b8a452b25626fde6a06 tests/test_layers.py
git apply -v - <<'EOF_114329324912'
diff --git a/tests/test_layers.py b/tests/test_layers.py
index 313119a2c0..e6b6de4578 100644
--- a/tests/test_layers.py
+++ b/tests/test_layers.py
@@ -18,6 +18,21 @@ class LayersTest(unittest.TestCase):
         self.assertEqual(layers.get("server", "port"), "1")
         self.assertEqual(layers.get("server", "host"), "::")
 
+    def test_the_later_of_two_files_wins(self):
+        layers = Layers()
+        layers.add_text("[server]\nport = 1\nhost = a\n", "site.ink")
+        layers.add_text("[server]\nport = 2\n", "home.ink")
+        self.assertEqual(layers.get("server", "port"), "2")
+        self.assertEqual(layers.origin("server", "port"), "home.ink")
+        self.assertEqual(layers.get("server", "host"), "a")
+
+    def test_the_later_of_two_overrides_wins(self):
+        layers = Layers()
+        layers.add("override", "first", {("server", "port"): "1"})
+        layers.add_text("[server]\nport = 3\n")
+        layers.add("override", "second", {("server", "port"): "2"})
+        self.assertEqual(layers.get("server", "port"), "2")
+
     def test_a_key_nobody_sets(self):
         self.assertEqual(Layers().get("a", "b", "c"), "c")
         self.assertIsNone(Layers().origin("a", "b"))

EOF_114329324912
: '>>>>> Start Test Output'
python3 -m unittest -v tests.test_layers
: '>>>>> End Test Output'
git checkout bfa752eb8d5f254175113b8a452b25626fde6a06 tests/test_layers.py
